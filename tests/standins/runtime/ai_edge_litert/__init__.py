"""A stand-in for a runtime: it runs no model, but does what the model's file name says (interpreter.py)."""
