"""Documents in two levels: words make sentences, sentences the document (Yang et al. 2016)."""

NAMES = ("han-reviews", "han-topics")  # of `attnviz/weights`
