"""The page `hierarchical`."""
