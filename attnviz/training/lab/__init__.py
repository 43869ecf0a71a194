"""The masked lab models with 1, 2, 4 and 8 heads."""
