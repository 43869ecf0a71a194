"""lab-long, the decoder of 8,192 tokens."""
