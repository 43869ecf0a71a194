"""The page `family`."""
