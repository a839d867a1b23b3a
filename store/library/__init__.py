"""Saved sweeps: saved, named, found, described, listed and deleted."""
