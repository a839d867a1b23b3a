"""The data of runs: loads, splits, scales and adds noise, with the same result on every machine."""
