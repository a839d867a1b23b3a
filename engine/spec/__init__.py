"""What a run is, and a sweep of runs: settings, keys, counts and results as data alone, without torch."""
