"""Target attention: a word or a question looks at another text, compared in five ways."""

NAMES = ("target-words",)  # of `attnviz/weights`
