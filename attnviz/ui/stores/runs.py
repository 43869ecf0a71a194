"""The engine, called once for each (model, text, rule, blank) and kept for everyone who asks the same."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from attnviz import settings
from attnviz.ui.stores.choice import SOFT, RuleChoice, as_rule
from attnviz.ui.stores.models import machine, model_store, stamped
from attnviz.ui.stores.sizes import room
from attnviz.ui.stores.store import Store
from attnviz.ui.stores.turns import server_turns

if TYPE_CHECKING:
    from attnviz.models import Card, Model
    from attnviz.trace import Trace

SHARE = 0.2  # of the memory, unless the settings say otherwise
Made = TypeVar("Made")
Given = ParamSpec("Given")


def cold() -> bool:
    """Has no one needed PyTorch yet? Then the first picture takes seconds."""
    return "torch" not in sys.modules


@cache  # one Store, bounded in bytes by itself
def traces() -> Store:
    """The one store of this server for traces and for all that is made of them and not small."""
    from attnviz.models import memory

    found = Store(room(settings.now().runs_mb, SHARE), turns=server_turns)
    memory.make_room.insert(0, found.let_go)  # before models: a run is done again sooner than a model is loaded
    return found


def kept(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Keep what a function returns in the store of traces, by its arguments; those named `_something` do not count.

    The others must be values (names, numbers, frozen dataclasses), never a model or a trace.
    """
    signature, name = inspect.signature(make), _name_of(make)

    @wraps(make)
    def found(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        made: Made = traces().take(_of_call(name, signature.bind(*args, **kwargs)), lambda: make(*args, **kwargs))
        return made

    return found


def key_of(name: str, what: object, model: str, revision: str = "") -> tuple[object, ...]:
    """Under which key the store keeps what `what`, a value, asks of a model: another once the model's files change."""
    return _key(name, (what,), [(model, revision)])


def _name_of(make: Callable[..., object]) -> str:
    return f"{make.__module__}.{make.__qualname__}"


def _of_call(name: str, given: inspect.BoundArguments) -> tuple[object, ...]:
    """Under which key the store keeps what a function of that name makes of its arguments."""
    given.apply_defaults()
    asked = {argument: value for argument, value in given.arguments.items() if not argument.startswith("_")}
    models = [of for of in map(_model_of, asked, asked.values()) if of]
    return _key(name, (*asked.values(),), models)


def _key(name: str, asked: tuple[object, ...], models: list[tuple[str, str]]) -> tuple[object, ...]:
    return (name, machine(), *asked, *(stamped(*one) for one in models))


def _model_of(argument: str, value: object) -> tuple[str, str] | None:
    """The model, by name and revision, that an argument of a run stands for: `name` itself, or a page's request."""
    if argument == "name":
        return str(value), ""
    if argument in ("request", "what"):
        return str(getattr(value, "name", "")), str(getattr(value, "revision", "") or "")
    return None


def model(name: str) -> Model:
    """The model of that name, loaded once for all readers."""
    return model_store().take(name)


@kept
def trace(name: str, text: str, rule: RuleChoice, blank: int | None = None) -> Trace:
    """What the model did with the text, computed with that rule in every layer."""
    from attnviz.recording.record import record

    return record(model(name), text, rule=as_rule(rule), blank=blank)


def done(name: str, text: str, rule: RuleChoice, blank: int | None = None) -> Trace | None:
    """The same where the store has it; None where it would have to be computed."""
    given = inspect.signature(trace).bind(name, text, rule, blank)
    found: Trace | None = traces().get(_of_call(_name_of(trace), given))
    return found


@kept
def head_distances(text: str, names: tuple[str, ...]) -> dict[str, float | None]:
    """How different are the heads of each of these models on this text? Mean Jensen-Shannon divergence in bits."""
    from attnviz.measures import mean_head_distance

    return {name: mean_head_distance(trace(name, text, SOFT)) for name in names}


def card(name: str) -> Card | None:
    """The figures of the model's card."""
    from attnviz.models import read_card

    return read_card(name)
