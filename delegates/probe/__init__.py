"""What machine this is, and which Pythons, runtimes and delegates it has."""
