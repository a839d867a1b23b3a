"""The readers of an architecture that train it: one model in plain PyTorch, or all of a bucket at once."""
