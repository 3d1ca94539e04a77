"""Mergeable statistics over Arrow data: accumulate, merge, finish. They know nothing of mrjob or Spark."""
