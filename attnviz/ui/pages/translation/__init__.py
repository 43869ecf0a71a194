"""The page `translation`."""
