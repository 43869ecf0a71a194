"""What the page on grammar computes: heads judged by pairs, and what the model prefers; watched, stopped on a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from attnviz.ui.kit import RuleChoice, address, as_rule, made_once, model_store, open_model, plain, runs, t, work

if TYPE_CHECKING:
    from attnviz.experiments.reading.find import Pair
    from attnviz.experiments.reading.grammar import Treebank
    from attnviz.experiments.reading.judged import Judged
    from attnviz.experiments.reading.marks import Minimal
    from attnviz.experiments.reading.minimal import Preferred, WithoutHeads
    from attnviz.trace import Trace

KEY = "grammar."
Made = TypeVar("Made")


@dataclass(frozen=True)
class Asked:
    """What is asked of a model, as caches know it: the trees, marked lines or minimal pairs as they were written."""

    name: str
    rule: RuleChoice
    content: str = ""
    fewest: int = 1
    trees: bool = False


def sample(name: str) -> str:
    """A file of the sample."""
    return files("attnviz").joinpath("content", name).read_text(encoding="utf-8")


def bank_of(asked: Asked) -> Treebank:
    """The trees. Raises `TextError`."""
    from attnviz.experiments.reading.grammar import treebank

    return treebank(asked.content)


def pairs_of(asked: Asked) -> dict[str, list[Pair]]:
    """The pairs by relation, those of marked lines without a name. Raises `TextError`."""
    from attnviz.experiments.reading.grammar import relations
    from attnviz.experiments.reading.marks import lines_of, pairs_of

    if asked.trees:
        return relations(bank_of(asked).trees, asked.fewest)
    return {"": pairs_of(lines_of(asked.content))}


def judged_of(asked: Asked) -> list[Judged] | None:
    """The heads of every relation; None once stopped. Raises `AttnvizError`."""
    pairs = pairs_of(asked)
    if not pairs:
        return []
    open_model(asked.name)

    def make(tell: work.Tell, stop: work.Halted) -> list[Judged]:
        from attnviz.experiments.reading.judged import judge

        model = model_store().take(asked.name)
        return judge(model, pairs, rule=as_rule(asked.rule), on_text=tell, stop=stop)

    return _made("judged", asked, make)


def minimal_of(asked: Asked) -> list[Minimal]:
    """The minimal pairs. Raises `TextError`."""
    from attnviz.experiments.reading.marks import lines_of, minimal

    return [minimal(line) for line in lines_of(asked.content)]


@runs.kept
def preferred_of(what: Asked) -> Preferred:
    """What the model prefers. Raises `AttnvizError`."""
    from attnviz.experiments.reading.minimal import preferred

    return preferred(model_store().take(what.name), minimal_of(what), rule=as_rule(what.rule))


def without_of(asked: Asked) -> WithoutHeads | None:
    """What it prefers without each head; None once stopped. Raises `AttnvizError`."""

    def make(tell: work.Tell, stop: work.Halted) -> WithoutHeads:
        from attnviz.experiments.reading.minimal import preferred_without

        model = model_store().take(asked.name)
        return preferred_without(model, minimal_of(asked), rule=as_rule(asked.rule), on_head=tell, stop=stop)

    return _made("without", asked, make)


def trace(asked: Asked, text: str) -> Trace:
    """One sentence's run, for the picture of a head. Raises `AttnvizError`."""
    return _trace(replace(asked, content=text, fewest=1, trees=False))


@runs.kept
def _trace(what: Asked) -> Trace:
    from attnviz.recording.record import record

    run = record(model_store().take(what.name), what.content, rule=as_rule(what.rule), predictions=False)
    return run.text_map


def link_of(asked: Asked, text: str) -> dict[str, str]:
    """What a link to *Any model* says of the model and a sentence."""
    return {"lang": address.now().get("lang", ""), "id": asked.name, "text": text}


def _made(which: str, asked: Asked, make: Callable[[work.Tell, work.Halted], Made]) -> Made | None:
    """Made once, with a bar and, when it takes long, a button that stops it."""

    def words(done: object, count: object) -> str:
        return t(f"grammar.working_{which}", model=plain(asked.name), done=done, count=count)

    return made_once(KEY + which, runs.key_of(KEY + which, asked, asked.name), words, partial(make))
