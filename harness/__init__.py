"""What stays at home: configuration, variants, plan, results and reports of qbench."""

__version__ = "0.1.0"
