"""What runs on the device for home: the conductor and its workers."""
