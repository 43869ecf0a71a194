"""What a trained head says of a text: a label, a number, a tag for every token, or where an answer stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Axis
from attnviz.text.units import HAN
from attnviz.threads import cached_property

About = Literal["sequence", "token", "question"]
Problem = Literal["one", "several", "number"]
LONGEST = 30  # tokens of an answer; pairs of a start and an end further apart are no answers (transformers takes 15)
INSIDE = re.compile(r"([BIESLUM])[-_](.+)")  # tags that say where in a name a word stands: B-PER, I-PER
NOTHING = "O"
NO_OBJECT = "no object"  # what DETR and YOLOS say, beside their labels, of a query that found nothing


@dataclass(frozen=True)
class Tag:
    """What a head says of the tokens `first` to `last`: a name of several words is one where its tags say so.

    `probability` is the mean over its words, each word's being that of its first token.
    """

    label: str
    text: str
    probability: float
    first: int
    last: int


@dataclass(frozen=True)
class Answer:
    """What a trained head said of a text that was read as `read`, before any softmax.

    `about` is what it spoke of: the whole text ("sequence"; `scores` `[1, label]`), each token ("token"; `[token,
    label]`), or where an answer begins and ends ("question"; `[token, 2]`). `problem` is whether it chose "one" of the
    labels, said of each whether it holds ("several"), or gave each a "number" (regression). An answer to a question
    lies in the second text of a pair, or in the text where there is but one.
    """

    about: About
    scores: Float[Tensor, "place label"]
    labels: tuple[str, ...]
    read: Axis
    problem: Problem = "one"

    def fits(self) -> bool:
        """Is there a row of scores for the text, or for each token, and a score for each label?"""
        rows = 1 if self.about == "sequence" else len(self.read)
        return self.scores.shape == (rows, len(self.labels))

    def row(self, position: int) -> Float[Tensor, " label"]:
        """The scores at a token; those of the whole text wherever one asks."""
        return self.scores[0 if self.about == "sequence" else position].float()

    def values(self, position: int = 0) -> Float[Tensor, " label"]:
        """How probable is each label, from 0 to 1, or which number has it? Of a question: start and end at a token."""
        if self.about == "question":
            return self.ends()[position]
        row = self.row(position)
        return {"one": row.softmax(-1), "several": row.sigmoid(), "number": row}[self.problem]

    def best(self, position: int = 0, top: int = 5) -> list[tuple[str, float]]:
        """The `top` likeliest labels with their probabilities, numbers in their order; of a question, the answers."""
        if self.about == "question":
            return [(self.words(first, last), share) for first, last, share in self.spans(top)]
        named = list(zip(self.labels, self.values(position).tolist(), strict=True))
        return named[:top] if self.problem == "number" else sorted(named, key=lambda one: -one[1])[:top]

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The tokens that an answer can lie in."""
        owners, special = self.read.segments, self.read.special
        own = [place for place, mark in enumerate(special) if not mark and (not owners or owners[place] == 1)]
        return tuple(own)

    @cached_property
    def _open(self) -> frozenset[int]:
        return frozenset(self.places)

    def ends(self) -> Float[Tensor, "token two"]:
        """How probable is it that an answer begins, and that it ends, at each token? 0 where there can be none."""
        own = torch.tensor(self.places)
        found = torch.zeros(self.scores.shape)
        found[own] = self.scores[own].float().softmax(0)
        return found

    def spans(self, top: int = 5) -> list[tuple[int, int, float]]:
        """The likeliest answers: first and last token, and how probable the two are together."""
        start, end = self.ends().unbind(-1)
        together = start[:, None] * torch.nn.functional.pad(end, (0, LONGEST - 1)).unfold(0, LONGEST, 1)
        found = together.flatten().topk(min(top, together.numel()))
        cells = [(*divmod(int(place), LONGEST), float(share)) for share, place in zip(*found, strict=True)]
        return [(first, first + more, share) for first, more, share in cells if {first, first + more} <= self._open]

    def words(self, first: int, last: int) -> str:
        """The characters from one token to another, as they stand in the text."""
        spans = [self.read.stands_for(place) for place in range(first, last + 1)]
        known = [span for span in spans if isinstance(span, tuple)]
        if not known:
            return " ".join(self.read.labels[first : last + 1])
        return self.read.text[int(known[0][0]) : int(known[-1][1])].strip()

    def tags(self) -> list[Tag]:
        """What is every word called? Words that are nothing ("O") left out, those of one name (B-PER, I-PER) in one.

        A word has the label of its first token, which taggers are trained on; a Chinese character is a word.
        """
        found: list[Tag] = []
        shares: list[float] = []
        for tokens in self._words():
            label, share = self.best(tokens[0], 1)[0]
            mark = INSIDE.fullmatch(label)
            name, goes_on = (mark[2], mark[1] in "IEML") if mark else (label, False)
            if goes_on and found and found[-1].label == name and self._follows(found[-1].last, tokens[0]):
                shares.append(share)
                first, last = found[-1].first, tokens[-1]
                found[-1] = Tag(name, self.words(first, last), sum(shares) / len(shares), first, last)
            elif label != NOTHING:
                shares = [share]
                found.append(Tag(name, self.words(tokens[0], tokens[-1]), share, tokens[0], tokens[-1]))
        return found

    def _words(self) -> Iterator[Sequence[int]]:
        """The tokens of each word of the text; in Chinese, of each character."""
        characters = self.read.grouped("character")
        for tokens in self.read.grouped("word").places:
            if self.read.special[tokens[0]]:
                continue
            if HAN.search(self.words(tokens[0], tokens[-1])):
                yield from (characters.places[unit] for unit in dict.fromkeys(characters.of[place] for place in tokens))
            else:
                yield tokens

    def _follows(self, last: int, first: int) -> bool:
        """Is one token the next after another, special ones apart?"""
        return all(self.read.special[place] for place in range(last + 1, first))
