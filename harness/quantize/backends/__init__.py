"""Programs that make variants of a float model; one package per converter."""
