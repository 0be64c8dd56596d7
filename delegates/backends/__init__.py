"""One module per delegate: open a model with it, check that it is available, count its ops."""
