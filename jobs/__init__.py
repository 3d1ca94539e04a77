"""MapReduce jobs over sensor logs, each with a Spark twin."""

import gc
import sys

__version__ = "0.1.0"

if getattr(sys, "argv", None) and sys.argv[0] == "-m":
    gc.disable()  # while `python -m jobs.NAME` imports what it needs: nothing of that is garbage; `guarded` ends this
