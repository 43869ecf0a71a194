"""Translation by recurrent networks with additive attention, and without (Bahdanau et al. 2015)."""

NAMES = ("nmt-zh-en", "nmt-en-zh", "nmt-zh-en-plain", "nmt-en-zh-plain")  # of `attnviz/weights`
