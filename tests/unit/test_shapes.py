"""Are the shapes in annotations checked while tests run, in every module that writes one?"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import attnviz
from attnviz.figures.paint.shades import in_bytes
from attnviz.measures.readings import Lean
from attnviz.messages import say
from attnviz.text.segmentation import Reading
from tests.shapes import check

WRITTEN = re.compile(r"\[Tensor, ['\"]")  # not `tuple[Tensor, Tensor]`
SHAPE = re.compile(r'^(?!\s*["#>]).*\[Tensor, "', re.M)
PACKAGE = Path(attnviz.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "attnviz.")
    if not module.ispkg
    and SHAPE.search(PACKAGE.parent.joinpath(*module.name.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
)


def test_many_modules_write_shapes() -> None:
    assert len(MODULES) >= 33


@pytest.mark.parametrize("name", MODULES)
def test_functions_with_shapes_are_checked(name: str) -> None:
    module = import_module(name)
    own = [one for one in vars(module).values() if inspect.isfunction(one) and one.__module__ == name]
    shaped = [one for one in own if any(WRITTEN.search(str(hint)) for hint in one.__annotations__.values())]
    assert all(hasattr(one, "__wrapped__") for one in shaped)


def test_a_wrong_shape_is_refused_far_from_the_engine() -> None:
    with pytest.raises(Exception, match=r"(?s)Type-check error.*in_bytes"):
        in_bytes(torch.zeros(2, 2), torch.zeros(3, 3, dtype=torch.bool))


def test_a_wrong_shape_is_refused_in_a_dataclass_and_behind_a_property() -> None:
    assert hasattr(Lean.__init__, "__wrapped__") and hasattr(Lean.resting.fget, "__wrapped__")
    with pytest.raises(Exception, match=r"(?s)Type-check error.*Lean"):
        Lean(*[Reading.parse("a / b")] * 2, *[torch.zeros(2)] * 5)


def test_a_wrong_shape_is_refused_after_right_ones_too() -> None:
    given: list[torch.Tensor] = []

    def last(_: Float[Tensor, "row column"], *, others: Sequence[Float[Tensor, " row"]]) -> Float[Tensor, " row"]:
        return given.pop()

    last = jaxtyping.jaxtyped(last, typechecker=check)
    right, square = torch.zeros(2), torch.zeros(2, 3)
    for _ in range(3):
        given.append(right)
        assert last(square, others=[right]) is right
    for out, whole, others in (
        (torch.zeros(3), square, [right]), (square, square, [right]), (right.int(), square, [right]),
        (None, square, [right]),
        (right, torch.zeros(3, 2), [right]), (right, square, [torch.zeros(3)] * 2), (right, square.bool(), [right]),
        (right, square, [torch.zeros(3)] * 9),
    ):  # fmt: skip
        given.append(out)
        with pytest.raises(Exception, match=r"(?s)Type-check error.*last"):
            last(whole, others=others)
        given.clear()


def test_a_side_as_long_as_a_number_says_is_looked_at_each_time() -> None:
    ways = iter((2, 3, 4))

    def made(width: int) -> Float[Tensor, " {width}"]:
        return torch.zeros(next(ways))

    made = jaxtyping.jaxtyped(made, typechecker=check)
    assert len(made(2)) == 2 and len(made(3)) == 3
    with pytest.raises(Exception, match=r"(?s)Type-check error.*made"):
        made(5)


def test_a_function_without_shapes_is_left_alone() -> None:
    assert check(len) is len
    assert not hasattr(say, "__wrapped__")
