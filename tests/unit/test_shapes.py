"""Are the shapes in annotations checked while tests run, in every module that writes one?"""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

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


def test_a_function_without_shapes_is_left_alone() -> None:
    assert check(len) is len
    assert not hasattr(say, "__wrapped__")
