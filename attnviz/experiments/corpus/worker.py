"""The one operator of a corpus: sentences in, sums a head and their number out. Weights never leave it.

Sentences of as many tokens go through the model together, so that nothing is filled up; of the model only its body is
run, since no measure asks for predictions. What cannot be run so (encoder-decoders, models with a trained head, models
seen from outside, long texts) is recorded as everywhere else and measured trace by trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from attnviz.adapter.checks import embedding_rows
from attnviz.adapter.outputs import hears_last
from attnviz.core.rules import Soft
from attnviz.errors import AttnvizError
from attnviz.experiments.atlas import NAMES, traces_of
from attnviz.experiments.atlas.sums import tallies
from attnviz.experiments.corpus.exact import Column, Sums, joined, whole
from attnviz.experiments.corpus.lines import Line, Refused
from attnviz.experiments.corpus.passes import BARE, Pass, Weighing, columns_of
from attnviz.guard import guarded
from attnviz.models.load import Model
from attnviz.recording.batches import MOST, Batch, Reading, together
from attnviz.recording.checks import why_not
from attnviz.recording.record import Watch, fits, run
from attnviz.text.many import ManyTexts
from attnviz.text.tokens import Encoded

BODIES = ("masked", "causal", "plain")  # kinds whose attention lies in the body, over the text itself
Read = tuple[int, Encoded]
Table = Int64[Tensor, "two column layer head"]


@dataclass(frozen=True)
class Part:
    """What came of some lines: their sums (None where none could be read), and which could not, with the reasons."""

    sums: Sums | None
    refused: tuple[Refused, ...]


class Worker:
    """Reads lines with one model, for these measures."""

    def __init__(self, model: Model, measures: Sequence[str]) -> None:
        self.model, self.measures, self.columns = model, tuple(measures), columns_of(measures)
        self._texts = ManyTexts(model.tokenizer, model.limit)
        self._rows = embedding_rows(model.network)
        self._batch = Batch(model, Soft(), (), predictions=False)
        self._body = model.network.base_model
        self._quick = model.kind in BODIES and together(model) and hears_last(self._body)

    def __call__(self, lines: Sequence[Line], on_lines: Callable[[int], object] | None = None) -> Part:
        """Read them. `on_lines` hears before each pass how many are done, and may raise."""
        read, refused = self._read(lines)
        sums: Sums | None = None
        done = len(refused)
        for group in _groups(read):
            if on_lines is not None:
                on_lines(done)
            done += len(group)
            found, more = self._group(group)
            sums, refused = joined(sums, found), [*refused, *more]
        return Part(sums, tuple(sorted(refused, key=lambda one: one[0])))

    def _read(self, lines: Sequence[Line]) -> tuple[list[Read], list[Refused]]:
        """The lines in tokens, and those that have none."""
        read: list[Read] = []
        refused: list[Refused] = []
        for (number, _), one in zip(lines, self._texts.read([text for _, text in lines]), strict=True):
            if isinstance(one, AttnvizError):
                refused.append((number, one))
            else:
                read.append((number, one))
        return read, refused

    def _group(self, group: Sequence[Read]) -> tuple[Sums | None, list[Refused]]:
        """The sums of lines of one length; where one cannot be run, each is run by itself."""
        try:
            with guarded(lambda error: why_not(self.model)):
                return self._summed([text for _, text in group]), []
        except AttnvizError as reason:
            if len(group) == 1:
                return None, [(group[0][0], reason)]
        sums: Sums | None = None
        refused: list[Refused] = []
        for one in group:
            found, more = self._group([one])
            sums, refused = joined(sums, found), [*refused, *more]
        return sums, refused

    def _summed(self, texts: Sequence[Encoded]) -> Sums:
        found = self._together(texts) if self._quick and len(texts[0].ids) <= MOST else None
        if found is None:
            return self._by_traces(texts)
        return self._of_table(found, len(texts), sum(not one for text in texts for one in text.special))

    def _together(self, texts: Sequence[Encoded]) -> Table | None:
        """The sums of one pass over texts of one length; None where the model has more maps than one."""
        if max(max(text.ids) for text in texts) >= self._rows:
            return None  # told in a sentence there
        watch = Weighing(Pass.of(texts, self.measures), self.columns)
        readings = [Reading(number, text, None, None) for number, text in enumerate(texts)]
        _, maps = run(
            self._body, name=self.model.name, watch=Watch(states=False, texts=len(texts), follow=watch),
            **self._batch.inputs(readings),
        )  # fmt: skip
        if watch.strange or list(maps) != ["self"]:
            self._quick = False
            return None
        fits(maps, self.model.name, len(texts[0].ids), None)
        heads = max(one.shape[-1] for one in watch.sums.values())
        table = torch.zeros(2, len(self.columns), len(maps["self"]), heads, dtype=torch.int64)
        for layer, found in watch.sums.items():
            table[:, :, layer, : found.shape[-1]] = found
        return table

    def _by_traces(self, texts: Sequence[Encoded]) -> Sums:
        """The sums of texts that are recorded, each by its trace."""
        sums: Sums | None = None
        for trace in traces_of(self.model, texts):
            if isinstance(trace, AttnvizError):
                raise trace
            every = tallies(trace, self.measures, None)
            bare = tallies(trace, [name for name in NAMES if name in self.measures], None, sinks=False)
            named = every | {name + BARE: one for name, one in bare.items()}
            size = trace.n_layers, trace.n_heads
            table = torch.zeros(2, len(self.columns), *size, dtype=torch.int64)
            for place, name in enumerate(self.columns):
                table[0, place], table[1, place] = whole(named[name].total), named[name].count.long()
            sums = joined(sums, self._of_table(table, 1, sum(not one for one in trace.special)))
        assert sums is not None
        return sums

    def _of_table(self, table: Table, texts: int, tokens: int) -> Sums:
        columns = {
            name: Column(*(tuple(side[place].flatten().tolist()) for side in table))
            for place, name in enumerate(self.columns)
        }
        return Sums((table.shape[2], table.shape[3]), columns, texts, tokens)


def _groups(read: Sequence[Read]) -> Iterator[list[Read]]:
    """Lines of one length, in passes of at most `MOST` tokens, or one line."""
    by_length: dict[int, list[Read]] = defaultdict(list)
    for one in read:
        by_length[len(one[1].ids)].append(one)
    for length, same in sorted(by_length.items()):
        most = max(1, MOST // length)
        for start in range(0, len(same), most):
            yield same[start : start + most]
