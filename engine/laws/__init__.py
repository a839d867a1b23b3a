"""Scaling laws: fits with intervals that test themselves, on numpy alone; usable as a library."""
