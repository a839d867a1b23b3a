"""Tests mirror the tree; run all of it with `make test`."""
