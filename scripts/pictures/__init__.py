"""The documentation's pictures, drawn by programs so that they can be changed and compared."""
