"""One file per delegate: how to open a model with it, whether it is there, which ops it was handed."""
