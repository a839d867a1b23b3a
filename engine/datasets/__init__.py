"""One dataset a file, each a DATASET; a new file is a new choice everywhere."""
