"""Describe this machine, and find its Pythons, runtimes and delegates."""
