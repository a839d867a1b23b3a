"""What runs train on: data sets loaded, split, scaled and made noisy, the same on every machine."""
