"""Sources of runs from elsewhere: a file for each kind, what a source is, and the registry that finds them."""
