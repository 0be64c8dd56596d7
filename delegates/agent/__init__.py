"""The processes on the device: bootstrap, conductor and workers."""
