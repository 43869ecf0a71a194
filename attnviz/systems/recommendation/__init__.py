"""Recommendation: what comes next, and which films of the history say so (DIN, SASRec)."""

NAMES = ("sasrec-films", "sasrec-films-mean", "din-films", "din-films-softmax")
