"""BertViz's two functions by their own arguments: what is asked for there opens here."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from attnviz import head_view, model_view
from attnviz.errors import AttnvizError
from attnviz.notebook.page import Page
from tests.unit.notebook.unpacked import rounded, told, values

TOKENS = ["[CLS]", "tea", "[SEP]", "cup"]


def stack(*shape: int) -> tuple[torch.Tensor, ...]:
    """Two layers as transformers returns them: `[1, head, query, key]`."""
    random = torch.Generator().manual_seed(len(shape) + sum(shape))
    return tuple(torch.softmax(torch.randn(1, *shape, generator=random), -1) for _ in range(2))


def data(page: Page | None) -> dict[str, Any]:
    assert page is not None
    return told(page)


def test_head_view_opens_a_layer_with_arcs_of_all_its_heads() -> None:
    given = stack(3, 4, 4)
    found = data(head_view(given, TOKENS, html_action="return"))
    assert found["start"]["layer"] == 0 and found["start"]["heads"] == [0, 1, 2]
    assert found["maps"][0]["queries"]["labels"] == TOKENS
    assert np.array_equal(values(found["maps"][0]["sent"]["all"]), rounded(torch.stack(given).numpy()).ravel())


def test_layer_heads_and_the_second_sentence_are_as_given() -> None:
    found = data(head_view(stack(3, 4, 4), TOKENS, 3, layer=1, heads=[2, 0], html_action="return", language="zh"))
    assert (found["start"]["layer"], found["start"]["head"], found["start"]["heads"]) == (1, 2, [2, 0])
    assert found["split"] == 3 and found["language"] == "zh"


def test_model_view_opens_with_all_heads_large() -> None:
    found = data(
        model_view(
            stack(3, 4, 4), TOKENS, display_mode="dark", include_layers=[1], include_heads=[2], html_action="return"
        )
    )
    assert (found["start"]["view"], found["theme"]) == ("grid", "dark")
    assert (found["start"]["layer"], found["start"]["head"]) == (1, 2)


@pytest.mark.parametrize("view", [head_view, model_view])
def test_an_encoder_decoder_is_given_as_three_stacks_and_two_sides(view: Any) -> None:
    page = view(
        encoder_attention=stack(2, 4, 4), decoder_attention=stack(2, 3, 3), cross_attention=stack(2, 3, 4),
        encoder_tokens=TOKENS, decoder_tokens=["<s>", "thé", "tasse"], html_action="return",
    )  # fmt: skip
    assert [one["name"] for one in data(page)["maps"]] == ["cross", "encoder", "decoder"]


ALONE = {
    "encoder": {"encoder_attention": stack(2, 4, 4), "encoder_tokens": TOKENS},
    "decoder": {"decoder_attention": stack(2, 4, 4), "decoder_tokens": TOKENS},
    "cross": {"cross_attention": stack(2, 2, 4), "encoder_tokens": TOKENS, "decoder_tokens": ["a", "b"]},
}


@pytest.mark.parametrize("name", ALONE)
def test_one_of_the_three_is_enough(name: str) -> None:
    assert [one["name"] for one in data(head_view(**ALONE[name], html_action="return"))["maps"]] == [name]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "given_nothing"),
    "no tokens": ({"attention": stack(2, 4, 4)}, "given_no_tokens"),
    "no source": ({"cross_attention": stack(2, 4, 4), "decoder_tokens": TOKENS}, "given_no_tokens"),
    "no target": ({"cross_attention": stack(2, 4, 4), "encoder_tokens": TOKENS}, "given_no_tokens"),
    "an action": ({"attention": stack(2, 4, 4), "tokens": TOKENS, "html_action": "save"}, "no_such_choice"),
    "a layer": ({"attention": stack(2, 4, 4), "tokens": TOKENS, "include_layers": [2]}, "no_such_layer"),
}


@pytest.mark.parametrize("view", [head_view, model_view])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_missing_is_said(view: Any, what: str) -> None:
    options, message = WRONG[what]
    with pytest.raises(AttnvizError) as refusal:
        view(**options)
    assert refusal.value.message == message


def test_a_running_notebook_is_shown_the_page_and_nothing_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Page] = []
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object()))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.append))
    assert head_view(stack(2, 4, 4), TOKENS) is None
    assert [one.title for one in shown] == ["tea cup"]
    assert model_view(stack(2, 4, 4), TOKENS, html_action="return") is not None and len(shown) == 1


def test_without_a_notebook_the_page_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert head_view(stack(2, 4, 4), TOKENS) is not None
