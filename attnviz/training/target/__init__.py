"""target-words."""
