"""What is known before training: which runs make a bucket, what they cost and the memory they take."""
