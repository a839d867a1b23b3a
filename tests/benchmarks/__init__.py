"""Figures of README.md and docs/, each printed by one command; run by hand, never timed in tests."""
