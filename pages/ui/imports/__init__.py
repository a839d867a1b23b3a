"""What pages show of runs from elsewhere: the upload, imported collections, their curves."""
