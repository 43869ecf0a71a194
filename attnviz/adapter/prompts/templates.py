"""A tokenizer's own chat template: turns in, the one text that the model was taught to read out.

A template comes with a folder, so it is somebody else's program. It runs in transformers' own sandbox
(`ImmutableSandboxedEnvironment`), which keeps it from the machine, and within bounds of ours, for the sandbox lets
`"a" * 10**10` and loops inside of loops pass: so much text, so much time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, reduce, wraps
from time import thread_time
from typing import Any

from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded

MOST = 200_000  # characters that a template may make, and the longest row or number inside of it
MOST_WORK = 20_000_000  # characters that one call inside of it may come to
SECONDS = 2.0  # of the processor, that others keep busy too; a template of 100 turns takes some milliseconds
OPERATORS = ("+", "*", "**", "%")  # and filters that can make much of little
GROWING = ("batch", "center", "format", "indent", "join", "replace", "slice", "tojson", "wordwrap")
WIDE = re.compile(r"%[^a-zA-Z%]*?(\d{5,}|\*)")  # "%99999999d", "%*d"
Turns = Sequence[Mapping[str, Any]]


class _Endless(Exception):
    """A template that would make too much, or takes too long."""


def has_template(tokenizer: Any) -> bool:
    """Does the tokenizer say how a chat is written?"""
    return bool(getattr(tokenizer, "chat_template", None))


def rendered(name: str, tokenizer: Any, turns: Turns, *, ask: bool) -> str:
    """The chat as one text, by the tokenizer's template; with `ask`, as far as the head of the answer.

    What `tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask)` gives. Raises `ModelError`
    where there is no template, or it refuses these turns, cannot be run, or does not come to an end.
    """
    if not has_template(tokenizer):
        raise ModelError("chat_template_missing", model=name)

    def refusal(error: BaseException) -> ModelError:
        while error.__cause__ is not None or error.__context__ is not None:  # Jinja may wrap what was raised inside
            if isinstance(error, (_Endless, RecursionError, MemoryError)):
                break
            error = error.__cause__ or error.__context__ or error
        if isinstance(error, (_Endless, RecursionError, MemoryError)):
            return ModelError("chat_template_endless", model=name)
        return ModelError("chat_template_failed", model=name, reason=first_line(error))

    with guarded(refusal):
        template = _compiled(tokenizer.get_chat_template())  # which also imports what it needs: not within the time
        given = {**tokenizer.special_tokens_map, "tools": None, "documents": None}
        blocks, length = [], 0
        with _at_most(SECONDS):
            for block in template.generate(messages=list(turns), add_generation_prompt=ask, **given):
                blocks.append(block)
                length += len(block)
                _check(length)
        return "".join(blocks)


@lru_cache(maxsize=32)  # compiled templates, some 100 kB each
def _compiled(source: str) -> Any:
    """A template in transformers' sandbox, with what can grow in it bounded."""
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer
    from transformers.utils.chat_template_utils import _compile_jinja_template

    _check(len(source))
    environment = _compile_jinja_template("").environment.overlay()
    table = {sign: _bounded(sign, made) for sign, made in environment.binop_table.items() if sign in OPERATORS}
    environment.binop_table = environment.binop_table | table
    environment.intercepted_binops = frozenset(table)
    growing = {filter_: _sparing(environment.filters[filter_]) for filter_ in GROWING}
    environment.filters = environment.filters | growing
    environment.call = _sparing_call(environment.call)

    class Joined(NodeTransformer):
        """`a ~ b` as `a|string + b|string`: Jinja joins the former by a function of its own, past the bounds."""

        def visit_Concat(self, node: Any) -> Any:
            parts = [nodes.Filter(self.visit(one), "string", [], [], None, None) for one in node.nodes]
            add: Any = nodes.Add
            found = reduce(add, parts)
            return found.set_lineno(node.lineno, override=True).set_environment(environment)

    return environment.from_string(Joined().visit(environment.parse(source)))


def _check(size: int) -> None:
    if size > MOST:
        raise _Endless


def _bounded(sign: str, made: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator that refuses to make what is too large."""

    def found(left: Any, right: Any) -> Any:
        sizes = [_size(one) for one in (left, right)]
        if sign == "+":
            _check(sum(sizes))
        elif sign == "*" and not all(isinstance(one, (int, float)) for one in (left, right)):
            _check(max(sizes[0], 1) * max(sizes[1], 1))
        elif sign == "**":
            _check(left.bit_length() * abs(right) if isinstance(left, int) and isinstance(right, int) else 0)
        elif sign == "%" and isinstance(left, str) and WIDE.search(left):
            raise _Endless
        answer = made(left, right)
        if isinstance(answer, int):
            _check(answer.bit_length())
        return answer

    return found


def _size(value: Any) -> int:
    """How many characters or entries a thing has; of a whole number itself."""
    if isinstance(value, int):
        return abs(value)
    return len(value) if hasattr(value, "__len__") else 0


def _sparing(made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses to make much of little."""

    @wraps(made)
    def found(*given: Any, **named: Any) -> Any:
        _check_work((*given, *named.values()))
        return made(*given, **named)

    return found


def _sparing_call(call: Callable[..., Any]) -> Callable[..., Any]:
    """What a template calls, strings' own methods among it (`content.replace(...)`)."""

    def found(context: Any, function: Any, *given: Any, **named: Any) -> Any:
        own = getattr(function, "__self__", None)
        if isinstance(own, (str, bytes)):
            _check_work((own, *given, *named.values()))
        return call(context, function, *given, **named)

    return found


def _check_work(given: Sequence[Any]) -> None:
    """Might this come to too much? Texts, rows and numbers can multiply each other."""
    work = 1
    for one in given:
        if isinstance(one, (str, bytes, list, tuple, int)) and not isinstance(one, bool):
            if isinstance(one, str) and WIDE.search(one):
                raise _Endless
            work *= max(_size(one), 1)
    if work > MOST_WORK:
        raise _Endless


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Within, this thread's Python is asked at every line whether its time has come."""
    end, before = thread_time() + seconds, sys.gettrace()

    def look(frame: Any, event: str, argument: Any) -> Any:
        if thread_time() > end:
            raise _Endless
        return look

    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)
