"""Models that are given a picture and a text: which types are read, and where each token of a picture lies on it."""
