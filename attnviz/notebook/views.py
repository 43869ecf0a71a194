"""`head_view` and `model_view` for those who come from BertViz: the same arguments, our page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from attnviz.errors import AttnvizError
from attnviz.notebook.given import from_weights
from attnviz.notebook.page import Page
from attnviz.notebook.show import show
from attnviz.trace import Trace


def head_view(
    attention: Any = None,
    tokens: Any = None,
    sentence_b_start: int | None = None,
    *,
    layer: int | None = None,
    heads: Sequence[int] | None = None,
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Any = None,
    decoder_tokens: Any = None,
    include_layers: Sequence[int] | None = None,
    html_action: str = "view",
    language: str | None = None,
) -> Page | None:
    """Show arcs from token to token, for all heads of a layer or for `heads`, as BertViz's function of that name does.

    `attention` is what a model of transformers returned, a tuple of `[batch, head, query, key]`; `tokens` the strings.
    Of an encoder-decoder, whichever of its three attentions there are, with the tokens on both sides.
    `sentence_b_start` is the first token of the second sentence. Every layer is in the page; it opens with `layer`, or
    the first of `include_layers`. `html_action="view"` shows it, and hands it back only where there is no notebook;
    "return" hands it back. Rows may sum to less than 1; the page then says so. Raises `AttnvizError`.
    """
    _check_action(html_action)
    trace = _read(
        attention, tokens, (encoder_attention, decoder_attention, cross_attention), (encoder_tokens, decoder_tokens)
    )
    first = layer if layer is not None else include_layers[0] if include_layers else trace.open_layers[0]
    several = range(trace.attention(first).n_heads) if heads is None else heads
    return _handed(show(trace, layer=first, heads=several, split=sentence_b_start, language=language), html_action)


def model_view(
    attention: Any = None,
    tokens: Any = None,
    sentence_b_start: int | None = None,
    *,
    display_mode: str = "auto",
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Any = None,
    decoder_tokens: Any = None,
    include_layers: Sequence[int] | None = None,
    include_heads: Sequence[int] | None = None,
    html_action: str = "view",
    language: str | None = None,
) -> Page | None:
    """Show every head of every layer at once, as BertViz's function of that name does; a click opens one.

    As `head_view`; `display_mode` is "light", "dark" or "auto". The page opens with the first of `include_layers` and
    `include_heads`, and has all others too.
    """
    _check_action(html_action)
    trace = _read(
        attention, tokens, (encoder_attention, decoder_attention, cross_attention), (encoder_tokens, decoder_tokens)
    )
    made = show(
        trace, layer=include_layers[0] if include_layers else None, head=include_heads[0] if include_heads else None,
        split=sentence_b_start, view="grid", theme=display_mode, language=language,
    )  # fmt: skip
    return _handed(made, html_action)


def _read(attention: Any, tokens: Any, stacks: tuple[Any, Any, Any], sides: tuple[Any, Any]) -> Trace:
    """The trace of what was handed over: one stack and its tokens, or up to three and the tokens on both sides."""
    named = {name: one for name, one in zip(("encoder", "decoder", "cross"), stacks, strict=True) if one is not None}
    source, target = sides
    if attention is not None:
        return from_weights(attention, _tokens(tokens, "tokens"), sums_to_one=False)
    if not named:
        raise AttnvizError("given_nothing")
    if set(named) == {"decoder"}:
        return from_weights(named, _tokens(target, "decoder_tokens"), target=target, sums_to_one=False)
    if set(named) != {"encoder"}:
        target = _tokens(target, "decoder_tokens")
    return from_weights(named, _tokens(source, "encoder_tokens"), target=target, sums_to_one=False)


def _tokens(tokens: Any, name: str) -> Any:
    """Tokens that must have been handed over under that name."""
    if tokens is None:
        raise AttnvizError("given_no_tokens", name=name)
    return tokens


def _check_action(action: str) -> None:
    """Refuse what is neither of the two things that can be done with a page."""
    if action not in ("view", "return"):
        raise AttnvizError("no_such_choice", what="html_action", value=repr(action), choices="'view', 'return'")


def _handed(made: Page, action: str) -> Page | None:
    """Show the page in the notebook that runs, if one does, else hand it back."""
    shell = sys.modules.get("IPython")  # it is there where a notebook is, and is no requirement of ours
    if action == "return" or shell is None or shell.get_ipython() is None:
        return made
    sys.modules["IPython.display"].display(made)
    return None
