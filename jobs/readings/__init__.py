"""The parsing library: bytes in, batches of readings and rejects out. It knows nothing of mrjob or Spark."""
