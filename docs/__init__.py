"""The library's reference, written from its docstrings, and the badge that a model card can carry."""
