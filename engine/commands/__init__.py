"""The command line of the engine; the only room of it that knows the store."""
