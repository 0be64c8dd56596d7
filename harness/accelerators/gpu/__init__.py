"""The GPU delegates: what they take of a model, and why not the rest."""
