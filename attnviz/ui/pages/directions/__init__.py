"""The page `directions`."""
