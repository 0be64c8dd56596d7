"""Several boards at the same time, and a board that several want."""
