"""The benchmark of the engine, and the loops that it is measured against."""
