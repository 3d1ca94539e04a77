"""MapReduce jobs over sensor logs, each with a Spark twin."""

import gc
import os
import signal
import sys

__version__ = "0.1.0"

if getattr(sys, "argv", None) and sys.argv[0] == "-m":  # while `python -m jobs.NAME` imports what it needs
    gc.disable()  # nothing of that is garbage; `guarded` ends this
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts threads for linear algebra, and we do none
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback; `guarded` takes over
