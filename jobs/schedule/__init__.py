"""The nightly schedule: which partitions are due, made once each, published whole and caught up when missed."""
