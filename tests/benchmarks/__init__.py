"""Figures of the README, each printed by one command; run by hand, never timed in tests."""
