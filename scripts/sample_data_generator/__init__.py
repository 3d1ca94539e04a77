"""Seeded sensor logs with a known answer: what was drawn says what the statistics must be."""
