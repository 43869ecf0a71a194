"""lab-gpt, the decoder."""
