"""Which heads do what over a whole corpus: one operator, three executors, sums that are the same from each."""

from attnviz.experiments.corpus.run import Corpus, Progress, corpus
from attnviz.experiments.corpus.table import load_atlas

__all__ = ["Corpus", "Progress", "corpus", "load_atlas"]
