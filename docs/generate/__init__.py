"""Makes the pages of docs/ that repeat what the code says, so that they cannot say anything else."""
