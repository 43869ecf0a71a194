"""The page `models`."""
