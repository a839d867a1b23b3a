"""Trains a bucket of runs: its loop, what it measures, its checkpoints and what it leaves behind."""
