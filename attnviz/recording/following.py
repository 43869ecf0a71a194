"""What follows a run sees torch's own calls, and the word embeddings that the model looks up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Following(TorchFunctionMode):
    """Sees each of `texts`, the ids that a run is given, looked up for the first time; it may put something else there.

    With `gradients` they flow through all but the model's own parameters; else nothing can be asked for one.
    """

    def __init__(self, *, gradients: bool) -> None:
        super().__init__()
        self.texts: Sequence[Tensor] = ()
        self.seen: dict[int, Tensor] = {}
        self._gradients = gradients

    def __enter__(self) -> Self:
        self.seen = {}
        self._modes = ExitStack()
        self._modes.enter_context(torch.inference_mode(not self._gradients))
        if self._gradients:
            self._modes.enter_context(torch.enable_grad())
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)  # type: ignore[no-untyped-call]
        self._modes.__exit__(*failure)

    def looked_up(self, text: int, words: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept of a text's embeddings `[run, token, width]` as `seen`, and what the run goes on with."""
        raise NotImplementedError

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        called = (_fixed(args), _fixed(given)) if self._gradients else (args, given)
        result = func(*called[0], **called[1])
        if getattr(func, "__name__", "") != "embedding" or not isinstance(result, Tensor):
            return result
        text = self._text((*args, given.get("input")))
        if text is None or text in self.seen:
            return result
        words = result.detach().reshape(len(self.texts[text]), -1, result.shape[-1])
        self.seen[text], found = self.looked_up(text, words)
        return found.to(result.dtype).clone().reshape(result.shape)  # CTRL scales them in place

    def _text(self, given: Sequence[Any]) -> int | None:
        """Which text's ids are these?"""
        ids = next((one for one in given if isinstance(one, Tensor) and not one.is_floating_point()), None)
        if ids is None:
            return None
        return next((number for number, one in enumerate(self.texts) if one.data_ptr() == ids.data_ptr()), None)


def _fixed(one: Any) -> Any:
    """What a call is given, its parameters without their wish for a gradient: whether one has it is nobody's business.

    Every call passes here: torch's own `tree_map` takes a quarter of a small model's run.
    """
    if isinstance(one, torch.nn.Parameter):
        return one.detach()
    if type(one) in (tuple, list):
        return type(one)(map(_fixed, one))
    return {name: _fixed(given) for name, given in one.items()} if type(one) is dict else one
