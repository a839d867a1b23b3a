"""Verdicts: what the curves of a sweep show and what they do not, on numpy and SciPy alone; usable as a library."""
