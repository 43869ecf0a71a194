"""Train sasrec-films, sasrec-films-mean, din-films or din-films-softmax on MovieTweetings.

    python -m attnviz.training.recommendation.train sasrec-films --data movietweetings

Each learns which film comes next after every beginning of every person's films before the cut (`data.py`): the
cross-entropy over the film that came and others, drawn by popularity^0.75 and corrected for it (sampled softmax, Bengio
and Senécal 2008), where the papers have one or few drawn films and a yes or no. How much a film is talked of is counted
and not learnt (`start.py`), so that what is learnt is what a history says beyond it. `--try` learns from what lies
before 15 July and is measured on the people until the cut; so what is in `Recipe` was chosen. No person of the test had
a say.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from attnviz.shipped import WEIGHTS
from attnviz.systems.recommendation import NAMES
from attnviz.systems.recommendation.films import FILE, written
from attnviz.systems.recommendation.network import DIN, SASRec, Shape, network
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.recommendation.data import CHOSEN, CUT, LONGEST, Rating, Ratings
from attnviz.training.recommendation.measure import by_network, counted, found
from attnviz.training.recommendation.start import Talk, begin


@dataclass(frozen=True)
class Recipe:
    """How it is trained."""

    kind: str = "sasrec"
    width: int = 64
    layers: int = 2
    heads: int = 2
    hidden: int = 32
    softmax: bool = True
    dropout: float = 0.5
    rate: float = 2e-3
    weight_decay: float = 0.01
    rows: int = 128
    epochs: int = 6
    drawn: int = 1_024
    half_life: float = 5.0  # days, after which a rating counts half in what is talked of
    start: float = 1.0  # the length of a film's vector at the beginning
    seed: int = 1


RECIPES = {
    "sasrec-films": Recipe(),
    "sasrec-films-mean": Recipe(kind="mean"),
    "din-films": Recipe(kind="din", width=32, hidden=16, softmax=False, rows=32, drawn=128, epochs=2, dropout=0.3),
    "din-films-softmax": Recipe(kind="din", width=32, hidden=16, rows=32, drawn=128, epochs=2, dropout=0.3),
}


@dataclass(frozen=True)
class Batch:
    """People's films, `there` where a row has one, the day of each; films drawn beside."""

    films: Int64[Tensor, "row place"]
    there: Bool[Tensor, "row place"]
    days: Int64[Tensor, "row place"]
    drawn: Int64[Tensor, " drawn"]


@dataclass(frozen=True)
class Material:
    """What is learnt from: sequences up to a moment, what was talked of by day, by which chance a film is drawn."""

    sequences: list[list[Rating]]
    talk: Talk
    chances: Float[Tensor, " film"]
    recipe: Recipe

    def batches(self) -> Iterator[Batch]:
        """Without end: rows of nearly one length, in random order."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        ordered = sorted(self.sequences, key=len)
        groups = [ordered[at : at + self.recipe.rows] for at in range(0, len(ordered), self.recipe.rows)]
        epoch = 0
        while True:
            Random(self.recipe.seed * 1_000 + epoch).shuffle(groups)
            for group in groups:
                drawn = self.chances.multinomial(self.recipe.drawn, replacement=True, generator=generator)
                yield self._batch(group, drawn)
            epoch += 1

    @property
    def steps(self) -> int:
        """Of all epochs."""
        return -(-len(self.sequences) // self.recipe.rows) * self.recipe.epochs

    def _batch(self, group: list[list[Rating]], drawn: Tensor) -> Batch:
        longest = max(map(len, group))
        films = torch.tensor([[one.film for one in row] + [0] * (longest - len(row)) for row in group])
        days = torch.tensor([[self.talk.day(one.second) for one in row] + [0] * (longest - len(row)) for row in group])
        there = torch.arange(longest) < torch.tensor([len(row) for row in group])[:, None]
        return Batch(films, there, days, drawn)

    def corrected(
        self, right: Float[Tensor, "some 1"], others: Float[Tensor, "some drawn"], answers: Int64[Tensor, " some"],
        drawn: Int64[Tensor, " drawn"],
    ) -> Float[Tensor, "some all"]:  # fmt: skip
        """Logits, less how often each film is to be expected among the drawn; one drawn by accident does not count."""
        expected = (self.chances * self.recipe.drawn).log()
        others = (others - expected[drawn]).masked_fill(drawn == answers[:, None], -torch.inf)
        return torch.cat([right - expected[answers][:, None], others], dim=-1)


def loss(made: SASRec | DIN, batch: Batch, material: Material) -> dict[str, Tensor]:
    """The cross-entropy of each next film, in nats."""
    kept = batch.there[:, 1:]
    answers, days = batch.films[:, 1:][kept], batch.days[:, 1:][kept]
    right, others = din_logits(made, batch, kept) if isinstance(made, DIN) else sasrec_logits(made, batch, kept)
    right, others = right + material.talk.of(days, answers), others + material.talk.of(days[:, None], batch.drawn)
    logits = material.corrected(right[:, None], others, answers, batch.drawn)
    return {"next": F.cross_entropy(logits, torch.zeros_like(answers))}


def sasrec_logits(made: SASRec, batch: Batch, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of the films that came, and of those drawn."""
    states = made.states(batch.films[:, :-1], made.rule)[0][kept]
    answers, table = batch.films[:, 1:][kept], made.table
    right = (states * table(answers)).sum(-1) + table.bias[answers]
    return right, states @ table(batch.drawn).T + table.bias[batch.drawn]


def din_logits(made: DIN, batch: Batch, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The same of DIN. A candidate's weight on a film does not hang on what comes later: sums along the history do."""
    history = made.table(batch.films[:, :-1])
    states, rows = made.dropout(history), len(batch.films)
    drawn, coming = made.table(batch.drawn), made.table(batch.films[:, 1:])
    scores = made.unit(drawn.expand(rows, -1, -1), states)
    others = _judged(made, summed(scores, states, made.shape.softmax), drawn[:, None], made.table.bias[batch.drawn])
    own = made.unit(coming, states)  # each film that came asks those before it
    before = torch.ones_like(own, dtype=torch.bool).tril()
    interest = made.rule.weigh(own.masked_fill(~before, -torch.inf)) @ states
    right = made.judge(interest, coming, made.table.bias[batch.films[:, 1:]])
    return right[kept], others.transpose(1, 2)[kept]


def summed(
    scores: Float[Tensor, "row drawn place"], values: Float[Tensor, "row place width"], softmax: bool
) -> Float[Tensor, "row drawn place width"]:
    """What each candidate takes of every beginning of a history."""
    if not softmax:
        return (torch.sigmoid(scores)[..., None] * values[:, None]).cumsum(-2)
    high = scores - scores.amax(-1, keepdim=True).detach()
    shares = high.clamp_min(-30).exp()
    return (shares[..., None] * values[:, None]).cumsum(-2) / shares.cumsum(-1)[..., None]


def _judged(made: DIN, interest: Tensor, candidates: Tensor, bias: Tensor) -> Tensor:
    """`judge` for `[row, drawn, place]`."""
    judged: Tensor = made.judge(interest, candidates.expand_as(interest), bias[:, None].expand(interest.shape[1:3]))
    return judged


def train(ratings: Ratings, recipe: Recipe, moment: datetime, *after: loop.Every) -> tuple[SASRec | DIN, float]:
    """Train one network on what lies before a moment; the network and the seconds."""
    torch.manual_seed(recipe.seed)
    before = ratings.before(moment)
    chances = (counted(before, len(ratings.films)) + 1).pow(0.75)
    talk = Talk.before(before, len(ratings.films), moment, recipe.half_life)
    material = Material(ratings.sequences(moment), talk, chances / chances.sum(), recipe)
    shape = Shape(
        recipe.kind, len(ratings.films), recipe.width, LONGEST, recipe.layers, recipe.heads, recipe.hidden,
        recipe.softmax, recipe.dropout,
    )  # fmt: skip
    made = network(shape, ratings.films)
    begin(made, before, recipe.start)
    steps = material.steps
    course = loop.Course(steps, recipe.rate, partial(loop.cosine, steps=steps, warm_up=50))
    learner = loop.adamw(made, rate=recipe.rate, decay=recipe.weight_decay)
    seconds = loop.train(learner, material.batches(), lambda batch: loss(made, batch, material), course, *after)
    with torch.no_grad():
        made.table.bias.add_(talk.last)
    return made.eval(), seconds


def main() -> None:
    """Read the arguments, train, and write the folder; or try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--data", type=Path, required=True, help="folder with movies.dat, ratings.dat and LICENSE")
    parser.add_argument("--try", dest="tried", nargs="*", metavar="NAME=VALUE", help="of the recipe; writes nothing")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    recipe, ratings = RECIPES[given.model], Ratings.read(given.data)
    if given.tried is not None:
        tried = dict(one.split("=") for one in given.tried)
        recipe = replace(recipe, **{name: type(getattr(recipe, name))(float(value)) for name, value in tried.items()})
        made, seconds = train(ratings, recipe, CHOSEN, loop.say())
        asked = ratings.questions(CHOSEN, CUT)
        said = found(by_network(made, asked[:: 4 if recipe.kind == "din" else 1]))  # DIN asks 10,506 times each
        print(recipe, f"HR@10 {said.hit:.4f} NDCG@10 {said.ndcg:.4f} {seconds:.0f} s", flush=True)
        return
    made, seconds = train(ratings, recipe, CUT, loop.say())
    folder = given.out / given.model
    save_tensors(folder / "model.safetensors", made.state_dict())
    config: dict[str, Any] = {"shape": asdict(made.shape)}
    if given.model == NAMES[0]:
        (folder / FILE).write_bytes(written(ratings.films.films))
    else:
        config["films"] = NAMES[0]
    copyfile(given.data / "LICENSE", folder / "LICENSE.movietweetings")
    save_facts(folder, config=config, recipe={**asdict(recipe), "seconds": round(seconds)})


if __name__ == "__main__":
    main()
