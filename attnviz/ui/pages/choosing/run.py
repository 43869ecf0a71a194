"""What the page on choosing computes with: films as links write them, runs and rankings before and after a change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnviz.ui.kit import SOFT, RuleChoice, as_rule, runs

if TYPE_CHECKING:
    from attnviz.core.interventions import Intervention
    from attnviz.systems.recommendation.films import Films
    from attnviz.systems.recommendation.system import Ranking, Recommender
    from attnviz.trace import Trace

NETWORKS = ("din-films", "din-films-softmax", "sasrec-films", "sasrec-films-mean")
MANY = 3  # candidates side by side
LEAST = 10  # ratings that a film must have to stand among the most raised
SAMPLES = {
    "mixed": "0083658-0125439-0114709-0133093-0211915-0266543",
    "scifi": "0078748-0083658-0133093-1182345-1136608-1375666-1483013",
    "animation": "0114709-0266543-0245429-0382932-0910970-1049413",
    "chinese": "0190332-0299977-0338564-0118694-1220719-1533117-1462900",
    "love": "0112471-0120338-0125439-0211915-0338013-1045658",
    "horror": "0054215-0081505-0077651-0387564-1259521-1288558",
}
AGAINST = "0088247-0243155-0317219"  # one for each kind of film in the first sample
Head = tuple[int, int]


@dataclass(frozen=True)
class Request:
    """A run: the films by number, those that ask, the rule, and what is changed inside."""

    name: str
    films: tuple[int, ...]
    candidates: tuple[int, ...] = ()
    rule: RuleChoice = SOFT
    forbidden: tuple[int, int] | None = None
    heads: tuple[Head, ...] = ()

    @property
    def asks(self) -> bool:
        """Do candidates ask the history?"""
        return self.name.startswith("din")

    @property
    def plain(self) -> Request:
        """The same without any change inside."""
        return replace(self, rule=SOFT, forbidden=None, heads=())


def system(name: str) -> Recommender:
    """The network of that name, loaded once."""
    from attnviz.systems.recommendation.system import load

    return load(name)


def films() -> Films:
    """The list that all networks have in common."""
    from attnviz.systems.recommendation.system import listed

    return listed()


def numbers(said: str) -> tuple[list[int], list[str]]:
    """Films as a link writes them, by their numbers at IMDb; and what is none of the list."""
    by, found, unknown = films().by_imdb, [], []
    for one in filter(None, said.split("-")):
        if one in by:
            found.append(by[one])
        else:
            unknown.append(one)
    return found, unknown


def written(chosen: Iterable[int]) -> str:
    """Films as a link writes them."""
    return "-".join(films()[one].imdb for one in chosen)


def heads_of(said: str) -> tuple[Head, ...]:
    """Heads as a link writes them: 0.1-1.0."""
    pairs = (one.split(".") for one in filter(None, said.split("-")))
    return tuple((int(layer), int(head)) for layer, head in pairs)


def changes(request: Request) -> list[Intervention]:
    """What is changed inside the run. A pair that is not there any more changes nothing."""
    from attnviz.core.interventions import ForbidEdge, RemoveHeads

    found: list[Intervention] = [RemoveHeads((head,), layers=(layer,)) for layer, head in request.heads]
    if request.forbidden is not None:
        who, what = request.forbidden
        asking = request.candidates if request.asks else request.films
        if who in asking and what in request.films:
            found.append(ForbidEdge(asking.index(who), request.films.index(what)))
    return found


def _rule(request: Request):  # type: ignore[no-untyped-def]
    """The rule of a run; the network's own where none was chosen."""
    return None if request.rule == SOFT else as_rule(request.rule)


@runs.kept
def trace(request: Request) -> Trace:
    """What looks at what."""
    return system(request.name).read(
        request.films, rule=_rule(request), changes=changes(request),
        **({"target": request.candidates} if request.asks else {}),
    )  # fmt: skip


@runs.kept
def ranking(request: Request) -> Ranking:
    """What comes next."""
    return system(request.name).ranking(
        request.films, rule=_rule(request), changes=changes(request),
        candidates=request.candidates if request.asks else (),
    )  # fmt: skip


def most_raised(found: Ranking, many: int) -> list[int]:
    """The films that a history raises most, of those that some people rated: of the others little is known."""
    import torch

    return found.raises(many, torch.tensor([film.counted >= LEAST for film in films().films]))


@runs.kept
def without_each(request: Request) -> tuple[tuple[float, ...], ...]:
    """How much less likely each candidate is with one film taken out of the history: `[film][candidate]`, in shares.

    One film alone cannot be taken out: then there is nothing left to ask.
    """
    if len(request.films) < 2:
        return ()
    whole, found = ranking(request.plain), []
    for gone in request.films:
        left = tuple(one for one in request.films if one != gone)
        scores = ranking(replace(request.plain, films=left))
        found.append(tuple(whole.share(one) - scores.share(one) for one in request.candidates))
    return tuple(found)
