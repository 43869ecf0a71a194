"""The page `sparse`."""
