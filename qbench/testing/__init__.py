"""Measured cells in tests: what the pytest plugin does where pytest-benchmark is installed."""
