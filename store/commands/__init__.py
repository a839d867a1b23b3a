"""The command line of the store."""
