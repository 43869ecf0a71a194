"""Is the network that a configuration describes one that its weights can fill? Asked piece by piece while it is built.

transformers lays a network out without memory first, and makes up what the file lacks afterwards, whatever its size: a
`vocab_size` of 10 million beside weights of 79 rows took 720 MB and 18 seconds before anybody looked at the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch.nn.modules import module

from attnviz.errors import ModelError

# A network may hold more than its file: tied weights twice, a head or a decoder that the file lacks, causal masks. Of
# the types of `tests.parity.architectures` none holds more than three times as much beside its masks.
TIMES = 4
NUMBERS = 50_000_000  # beyond that: masks of 2,048 x 2,048 positions in each of twelve layers
PIECES = 500
FREE = frozenset({"max_length", "min_length", "model_max_length"})  # of what is written: a bound, and nothing is made
# What a configuration calls numbers of layers, and widths, counts of pieces, places, labels and the like. A class may
# make a list of so many things before the first tensor is laid out: a billion layers took all memory and did not end.
LAYERS = re.compile(r"(layers?|blocks|depths?)$")
COUNTS = re.compile(
    r"(size|dim|dims|heads?|embd|positions|embeddings|inner|model|ff|kv|labels|experts|buckets|ctx|groups|states?"
    r"|channels|kernel|functions|queries|vocab)$"
)


@dataclass
class _Building:
    """How much may be laid out yet."""

    name: str
    pieces: int
    numbers: int

    def take(self, tensor: Any) -> None:
        """One more tensor. Raises `ModelError` where there are too many, or too large ones."""
        if tensor is None or not tensor.is_meta:  # memory that is there: what is read from the file
            return
        self.pieces, self.numbers = self.pieces - 1, self.numbers - tensor.numel()
        if self.pieces < 0 or self.numbers < 0:
            raise ModelError("config_larger", model=self.name)


def check_described(name: str, config: Mapping[str, Any], tensors: int, numbers: int) -> None:
    """Does a configuration name no more layers, and no larger things, than so many tensors and numbers can fill?

    Asked of config.json before a class of transformers reads it. Raises `ModelError`.
    """
    for key, value in _counted(config, ""):
        most = TIMES * tensors + PIECES if LAYERS.search(key) else TIMES * numbers + NUMBERS
        if value > most:
            raise ModelError("config_larger", model=name)


def _counted(said: Any, key: str) -> Iterator[tuple[str, float]]:
    """Every number of a configuration that counts something, by its name; those in lists and within others too."""
    if isinstance(said, Mapping):
        for name, inner in said.items():
            yield from _counted(inner, str(name))
    elif isinstance(said, list):
        for inner in said:
            yield from _counted(inner, key)
    elif isinstance(said, (int, float)) and key not in FREE and (LAYERS.search(key) or COUNTS.search(key)):
        yield key, float(min(said, 1e300))


_BUILDING: ContextVar[_Building | None] = ContextVar("attnviz_building", default=None)


@contextmanager
def no_larger_than(name: str, tensors: int, numbers: int) -> Iterator[None]:
    """Within, a network far larger than so many tensors with so many numbers is refused (`ModelError`)."""
    token = _BUILDING.set(_Building(name, TIMES * tensors + PIECES, TIMES * numbers + NUMBERS))
    try:
        yield
    finally:
        _BUILDING.reset(token)


def _laid_out(module: object, name: str, tensor: Any) -> None:
    """A tensor becomes part of a module, here or in another thread, which has a context of its own."""
    building = _BUILDING.get()
    if building is not None:
        building.take(tensor)


# Once and for good: torch goes through its hooks in every thread that makes a module, and breaks off where one is added
# or taken away meanwhile ("OrderedDict mutated during iteration").
module.register_module_parameter_registration_hook(_laid_out)
module.register_module_buffer_registration_hook(_laid_out)
