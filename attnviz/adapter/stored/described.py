"""Is the network that a configuration describes one that its weights can fill? Asked piece by piece while it is built.

transformers lays a network out without memory first, and makes up what the file lacks afterwards, whatever its size: a
`vocab_size` of 10 million beside weights of 79 rows took 720 MB and 18 seconds before anybody looked at the shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from attnviz.errors import ModelError

# A network may hold more than its file: tied weights twice, a head or a decoder that the file lacks, causal masks. Of
# the types of `tests.parity.architectures` none holds more than three times as much beside its masks.
TIMES = 4
NUMBERS = 50_000_000  # beyond that: masks of 2,048 x 2,048 positions in each of twelve layers
PIECES = 500


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


_BUILDING: ContextVar[_Building | None] = ContextVar("attnviz_building", default=None)


@contextmanager
def no_larger_than(name: str, tensors: int, numbers: int) -> Iterator[None]:
    """Within, a network far larger than so many tensors with so many numbers is refused (`ModelError`)."""
    from torch.nn.modules import module

    token = _BUILDING.set(_Building(name, TIMES * tensors + PIECES, TIMES * numbers + NUMBERS))
    hooks = [
        module.register_module_parameter_registration_hook(_laid_out),
        module.register_module_buffer_registration_hook(_laid_out),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        _BUILDING.reset(token)


def _laid_out(module: object, name: str, tensor: Any) -> None:
    """A tensor becomes part of a module, here or in another thread, which has a context of its own."""
    building = _BUILDING.get()
    if building is not None:
        building.take(tensor)
