"""The page `target`."""
