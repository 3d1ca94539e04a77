"""The optional C kernel: one shared library with a plain C ABI, loaded with ctypes."""
