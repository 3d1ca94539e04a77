"""The Numenta Anomaly Benchmark: its corpus and its scoring rules, written from the paper."""
