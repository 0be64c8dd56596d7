"""XNNPACK: what it takes of a model, and why not the rest."""
