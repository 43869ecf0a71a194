"""Speech: spoken digits are written down by an encoder-decoder transformer, each digit listening to the sound."""

NAMES = ("digits",)  # of `attnviz/weights`
