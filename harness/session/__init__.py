"""What the commands do: plan the cells of a run, drive its devices, append their answers to the record."""
