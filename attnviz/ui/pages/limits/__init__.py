"""The page `limits`."""
