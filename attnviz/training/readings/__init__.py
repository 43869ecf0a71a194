"""Train a model whose heads hold two readings of one text."""
