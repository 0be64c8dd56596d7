"""Device profile to machine: reached, probed and locked."""
