"""The lake: storage of log objects and published results."""
