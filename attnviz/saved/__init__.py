"""A trace as a file that one can keep: what it weighs, how it is written, and how it is read without trusting it.

The file is safetensors: the tensors as they are, bit for bit, and in the header's metadata a JSON text that says what
they are parts of. Nothing in it is executed: a class is named, and taken from a list (`plain.KINDS`).
"""

from attnviz.saved.file import read, replacing, write

__all__ = ["read", "replacing", "write"]
