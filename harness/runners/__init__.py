"""How the bundle and the models get to a device, and its answers home."""
