"""Trains sweeps of models; knows no screen and no database."""
