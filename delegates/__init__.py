"""What travels: runs on the device with Python 3.7 or newer, numpy and one TFLite runtime."""
