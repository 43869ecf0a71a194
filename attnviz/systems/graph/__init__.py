"""Graph attention: each node looks at its neighbours and at itself, along the edges that come in."""

NAMES = ("cora-gat", "cora-gatv2")  # of `attnviz/weights`
