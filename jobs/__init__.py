"""MapReduce jobs over sensor logs, each with a Spark twin."""

__version__ = "0.1.0"
