"""The main job: plan the cells, drive the devices, append what comes to the record."""
