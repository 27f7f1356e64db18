"""What to say, how to word it for an age band, and the check that every fact is true."""
