"""What Polars is asked, a module a question: `query` of the readings, lazily.

Timestamps of CSV and JSON lines are text of one length: cutting the day or the hour from it, and comparing texts, is
faster than parsing them.
"""
