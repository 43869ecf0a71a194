"""The page `scaled`."""
