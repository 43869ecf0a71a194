"""The page `readings`."""
