"""Compilers of accelerators: what has to be done to a variant before a device can take it."""
