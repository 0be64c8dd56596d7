"""A run's figures: pure functions from the record to rows, conclusions and warnings."""
