"""A text in a model's pieces: labels, spans, characters, words, segmentations."""
