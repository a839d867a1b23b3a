"""Saved sweeps: saving, naming, finding, describing, listing and deleting them."""
