"""The families of attention beside the transformer: small trained models, each computing its weights with `attend`.

Every module has `load(name)` for a set of shipped weights; what a loaded system does with a text is a `Trace`.
"""
