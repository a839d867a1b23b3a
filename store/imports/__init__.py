"""Runs that were trained elsewhere: read from their sources, mapped to runs, stored as collections."""
