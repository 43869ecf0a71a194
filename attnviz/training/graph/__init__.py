"""cora-gat and cora-gatv2."""
