"""Recommendation: which film comes next after a history, and which films of the history say so.

system = av.load("sasrec-films")
trace = system.read("Alien (1979)\nBlade Runner\nThe Matrix")
trace.weights(1, 0)[-1]          # what the last film looks at, in head 0 of the second layer
trace.predictions(2)             # what comes next
system.ranking(system.history("Alien")).first(10)

av.load("din-films").read("Alien\nUp", target="Prometheus\nBrave").weights(0, 0)    # candidates ask, films answer

`sasrec-films` looks at a history from inside, `din-films` lets a candidate ask it; `din-films-softmax` is the latter
with weights that sum to 1, `sasrec-films-mean` has no attention: every film counts alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Items
from attnviz.core.attention import Attention
from attnviz.core.interventions import HideToken, Intervention, Place, check_tokens
from attnviz.core.rules import Rule
from attnviz.errors import TextError
from attnviz.systems.recommendation import NAMES
from attnviz.systems.recommendation.films import Films, stored
from attnviz.systems.recommendation.network import DIN, SASRec, Shape, network
from attnviz.systems.recommendation.text import film_of, films_of, history_of, search
from attnviz.threads import cached_property
from attnviz.trace import Trace

__all__ = ["NAMES", "Recommender", "film_of", "films_of", "history_of", "listed", "load", "search"]

CANDIDATES = 5  # the first of the ranking, where nobody names others


@dataclass(frozen=True, eq=False)
class Ranking:
    """The films that are not in a history, by their `scores` `[film]`; -inf for those that are.

    A film's place counts from 1, its share is that of the softmax over all films not yet seen. `prior` `[film]` is its
    share where a network knows of no history.
    """

    scores: Float[Tensor, " film"]
    prior: Float[Tensor, " film"]

    @cached_property
    def shares(self) -> Float[Tensor, " film"]:
        """The softmax of the scores."""
        return torch.softmax(self.scores, dim=-1)

    def first(self, many: int) -> list[int]:
        """The best, the best first; of equal ones the earlier number."""
        order = self.scores.argsort(descending=True, stable=True)[:many].tolist()
        return [film for film in order if self.scores[film] > -torch.inf]

    def place(self, film: int) -> int | None:
        """The place of a film, behind those that score the same; None for one that is in the history."""
        score = self.scores[film]
        return None if score == -torch.inf else int((self.scores >= score).sum())

    def raised(self, film: int) -> float:
        """How many times likelier does the history make a film than it is without any?"""
        return float(self.shares[film] / self.prior[film].clamp_min(1e-12))

    def raises(self, many: int, among: Tensor) -> list[int]:
        """The films that the history raises most, of those that `among` `[film]` says."""
        times = (self.shares / self.prior.clamp_min(1e-12)).masked_fill(~among, -1.0)
        return [film for film in times.argsort(descending=True, stable=True)[:many].tolist() if times[film] > 0]

    def share(self, film: int) -> float:
        """How likely it comes next, as the network has it."""
        return float(self.shares[film])


@dataclass(frozen=True, eq=False)
class Recommender:
    """A trained network with the films that it knows; never changed after loading."""

    name: str
    network: SASRec | DIN
    films: Films
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def rule(self) -> Rule:
        """How it learnt to weigh: softmax, or each film by itself (`core.gates.Gate`)."""
        return self.network.rule

    @property
    def asks(self) -> bool:
        """Do candidates ask the history (DIN)? Else it looks at itself."""
        return isinstance(self.network, DIN)

    def history(self, text: str) -> tuple[int, ...]:
        """The numbers of the films that a text names, one a line. Raises `TextError`."""
        return history_of(films_of(text, self.films), self.network.shape.longest).films

    def read(
        self, text: str | Sequence[int], *, rule: Rule | None = None, target: str | Sequence[int] = (),
        changes: Sequence[Intervention] = (),
    ) -> Trace:  # fmt: skip
        """What does a history look at, or what do candidates look at in it?

        Films are titles, one a line, or their numbers; the latest 50 are read, each once. Of SASRec queries and keys
        are the history, every film looking at itself and those before; `logits` `[film, all films]` say what comes
        after each, -inf for what was seen by then. Of DIN the queries are the candidates in `target`, the first five of
        the ranking unless given, the keys the history, the part is "cross", and `outputs` what each takes from it.
        Raises `TextError` for an empty history and unknown titles, `AttnvizError` for changes that cannot be.
        """
        history = self._numbers(text)
        if isinstance(self.network, DIN):
            wanted = self._numbers(target) if target else self._first(history, rule)
            return self._asked(self.network, history, wanted, rule or self.rule, changes)
        if target:
            raise TextError("films_no_candidates", model=self.name)
        return self._looked(self.network, history, rule or self.rule, changes)

    def _numbers(self, given: str | Sequence[int]) -> tuple[int, ...]:
        """The films of a history, the latest that can be read."""
        numbers = films_of(given, self.films) if isinstance(given, str) else [int(one) for one in given]
        if not numbers:
            raise TextError("films_none")
        for one in numbers:
            if not 0 <= one < len(self.films):
                raise TextError("film_number", film=one, last=len(self.films) - 1)
        return history_of(numbers, self.network.shape.longest).films

    def _first(self, history: tuple[int, ...], rule: Rule | None) -> tuple[int, ...]:
        return tuple(self.ranking(history, rule=rule).first(CANDIDATES))

    @torch.no_grad()
    def _looked(self, made: SASRec, history: tuple[int, ...], rule: Rule, changes: Sequence[Intervention]) -> Trace:
        check_tokens(changes, len(history))
        states, calls = made.states(torch.tensor(history), rule, lambda call, layer: _changed(call, layer, changes))
        logits = made.scores(states)
        for place in range(len(history)):
            logits[place, list(history[: place + 1])] = -torch.inf
        axis = self.axis(history)
        return Trace(
            axis, axis, calls, model=self.name, kind="recommendation", rule=rule, outputs=states, logits=logits,
            name_piece=self.label, changes=tuple(changes),
        )  # fmt: skip

    @torch.no_grad()
    def _asked(
        self, made: DIN, history: tuple[int, ...], wanted: tuple[int, ...], rule: Rule, changes: Sequence[Intervention]
    ) -> Trace:
        check_tokens(changes, len(history), len(wanted))
        looked = made.look(made.table(torch.tensor(wanted))[None], made.table(torch.tensor(history))[None], rule.at(0))
        looked = _changed(looked, 0, changes, "cross")
        return Trace(
            self.axis(wanted), self.axis(history), (looked,), model=self.name, kind="recommendation", rule=rule,
            outputs=looked.output[0], part="cross", name_piece=self.label, changes=tuple(changes),
        )  # fmt: skip

    def axis(self, films: Sequence[int]) -> Items:
        """Films by title and year."""
        return Items(tuple(self.label(one) for one in films))

    def label(self, film: int) -> str:
        """A film's title and year."""
        return self.films[film].label

    @torch.no_grad()
    def scores(
        self, history: Sequence[int], *, rule: Rule | None = None, changes: Sequence[Intervention] = (),
        candidates: Sequence[int] = (),
    ) -> Float[Tensor, " film"]:  # fmt: skip
        """The score of every film after a history, -inf for those in it.

        Of DIN, a film that is hidden is hidden from all; any other change acts on `candidates`, numbered as they stand.
        """
        films, made = self._numbers(history), self.network
        if isinstance(made, SASRec):
            logits = self._looked(made, films, rule or self.rule, changes).logits
            assert logits is not None
            return logits[-1]
        hidden = [one.token for one in changes if isinstance(one, HideToken)]
        allowed = None
        if hidden:
            allowed = torch.ones(len(films), dtype=torch.bool)
            allowed[hidden] = False
        found = made.over_all(torch.tensor(films), rule, allowed)
        if candidates and changes:
            wanted = torch.tensor(list(candidates))
            taken = self._asked(made, films, tuple(candidates), rule or self.rule, changes).outputs
            found[wanted] = made.judge(taken, made.table(wanted), made.table.bias[wanted])
        found[list(films)] = -torch.inf
        return found

    def ranking(self, history: Sequence[int], **how: object) -> Ranking:
        """All films that are not in the history, by their scores; `how` is that of `scores`."""
        return Ranking(self.scores(history, **how), self.prior)  # type: ignore[arg-type]

    @cached_property
    def prior(self) -> Float[Tensor, " film"]:
        """How likely each film is where the network knows of no history: nothing taken by DIN, of SASRec b alone."""
        made = self.network
        if isinstance(made, SASRec):
            return torch.softmax(made.table.bias, dim=-1)
        everything = made.table.all()
        return torch.softmax(made.judge(torch.zeros_like(everything), everything, made.table.bias), dim=-1)


def _changed(call: Attention, layer: int, changes: Sequence[Intervention], part: str = "self") -> Attention:
    """A call after all changes that act there."""
    for change in changes:
        if change.acts(part, layer):
            call = change.change(call, Place(part, layer))
    return call


def listed() -> Films:
    """The films that all shipped networks know, without opening one."""
    return stored(shipped.folder(NAMES[0]))


@cache
def load(name: str) -> Recommender:
    """One of the models of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        config = shipped.config(place)
        films = stored(place if "films" not in config else shipped.folder(config["films"]))
        made = network(replace(Shape(**config["shape"]), dropout=0.0), films)
        made.load_state_dict(shipped.tensors(place))
        return Recommender(name, made.eval().requires_grad_(False), films, shipped.licence(place))
