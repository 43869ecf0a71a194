"""The page `positions`."""
