"""What is kept for all readers: models and runs."""
