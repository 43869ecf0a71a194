"""Words for pictures: a small scene gets its sentence, by soft attention or by hard attention (Xu et al. 2015)."""

NAMES = ("words-soft", "words-hard")  # of `attnviz/weights`
