"""The page `long`."""
