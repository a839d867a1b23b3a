"""One named sweep a file, each a PRESET; a new file is a new choice everywhere."""
