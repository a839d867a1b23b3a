"""Trains sweeps of models; knows no screen and no database."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the sources of the engine lie."""
