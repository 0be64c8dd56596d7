"""The Edge TPU: its compiler, what that takes of a model, and why not the rest."""
