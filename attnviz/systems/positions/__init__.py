"""Five encoders alike in everything but how they are told positions."""

ENCODINGS = ("none", "sinusoidal", "learned", "rotary", "alibi")
NAMES = tuple(f"positions-{encoding}" for encoding in ENCODINGS)  # of `attnviz/weights`
