"""Translation by recurrent networks with additive attention (Bahdanau et al. 2015)."""
