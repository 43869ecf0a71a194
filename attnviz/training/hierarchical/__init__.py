"""han-reviews and han-topics."""
