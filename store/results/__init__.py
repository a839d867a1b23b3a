"""Results of runs: on their way into the tables, in them, and asked of them."""
