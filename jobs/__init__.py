"""MapReduce jobs over sensor logs, each with a Spark twin."""

import gc
import os
import sys

__version__ = "0.1.0"

if getattr(sys, "argv", None) and sys.argv[0] == "-m":  # while `python -m jobs.NAME` imports what it needs
    gc.disable()  # nothing of that is garbage; `guarded` ends this
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts threads for linear algebra, and we do none
