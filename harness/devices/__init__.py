"""The machines behind device profiles: connect to them, probe them, lock them."""
