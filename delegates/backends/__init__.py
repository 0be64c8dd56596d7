"""One file per delegate: open it, tell whether it is there, and what it took."""
