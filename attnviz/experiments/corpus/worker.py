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

from attnviz.adapter.checks import embedding_rows
from attnviz.adapter.outputs import hears_last
from attnviz.core.rules import Soft
from attnviz.errors import AttnvizError
from attnviz.experiments.atlas import NAMES, traces_of
from attnviz.experiments.atlas.sums import tallies
from attnviz.experiments.corpus.exact import Adding, Sums, Table, whole
from attnviz.experiments.corpus.lines import Line, Refused
from attnviz.experiments.corpus.passes import BARE, Enough, Pass, Weighing, columns_of
from attnviz.guard import guarded
from attnviz.models.load import Model
from attnviz.recording.batches import MOST, Batch, Reading, together
from attnviz.recording.checks import why_not
from attnviz.recording.record import Watch, fits, run
from attnviz.text.many import ManyTexts
from attnviz.text.tokens import Encoded

BODIES = ("masked", "causal", "plain")  # kinds whose attention lies in the body, over the text itself
Read = tuple[int, Encoded]


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
        self._depth = self._weighed = 0  # its layers, and those that have weights, once a pass has gone through
        self._quick = model.kind in BODIES and together(model) and hears_last(self._body)

    def __call__(self, lines: Sequence[Line], on_lines: Callable[[int], object] | None = None) -> Part:
        """Read them. `on_lines` hears before each pass how many are done, and may raise."""
        read, refused = self._read(lines)
        adding = Adding(self.columns)
        done = len(refused)
        for group in _groups(read):
            if on_lines is not None:
                on_lines(done)
            done += len(group)
            refused += self._group(group, adding)
        return Part(adding.sums(), tuple(sorted(refused, key=lambda one: one[0])))

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

    def _group(self, group: Sequence[Read], adding: Adding) -> list[Refused]:
        """Add the sums of lines of one length; where one cannot be run, each is run by itself."""
        try:
            with guarded(lambda error: why_not(self.model)):
                found = self._summed([text for _, text in group])
        except AttnvizError as reason:
            if len(group) == 1:
                return [(group[0][0], reason)]
            return [one for line in group for one in self._group([line], adding)]
        adding.add(found, [text for _, text in group])
        return []

    def _summed(self, texts: Sequence[Encoded]) -> Table:
        found = self._together(texts) if self._quick and len(texts[0].ids) <= MOST else None
        return self._by_traces(texts) if found is None else found

    def _together(self, texts: Sequence[Encoded]) -> Table | None:
        """The sums of one pass over texts of one length; None where the model has more maps than one."""
        if max(max(text.ids) for text in texts) >= self._rows:
            return None  # told in a sentence there
        watch = Weighing(Pass.of(texts, self.measures), self.columns, self._weighed)
        readings = [Reading(number, text, None, None) for number, text in enumerate(texts)]
        try:
            _, maps = run(
                self._body, name=self.model.name, watch=Watch(states=False, texts=len(texts), follow=watch, light=True),
                **self._batch.inputs(readings),
            )  # fmt: skip
        except Enough:
            maps = None
        if watch.strange or (maps is not None and list(maps) != ["self"]):
            self._quick = False
            return None
        if maps is not None:
            fits(maps, self.model.name, len(texts[0].ids), None)
            self._depth, self._weighed = len(maps["self"]), len(watch.sums)
        heads = max(one.shape[-1] for one in watch.sums.values())
        table = torch.zeros(2, len(self.columns), self._depth, heads, dtype=torch.int64)
        for layer, found in watch.sums.items():
            table[:, :, layer, : found.shape[-1]] = found
        return table

    def _by_traces(self, texts: Sequence[Encoded]) -> Table:
        """The sums of texts that are recorded, each by its trace."""
        found: list[Table] = []
        for trace in traces_of(self.model, texts):
            if isinstance(trace, AttnvizError):
                raise trace
            every = tallies(trace, self.measures, None)
            bare = tallies(trace, [name for name in NAMES if name in self.measures], None, sinks=False)
            named = every | {name + BARE: one for name, one in bare.items()}
            sides = [[whole(named[name].total), named[name].count.long()] for name in self.columns]
            found.append(torch.stack([torch.stack(side) for side in zip(*sides, strict=True)]))
        return torch.stack(found).sum(0)


def _groups(read: Sequence[Read]) -> Iterator[list[Read]]:
    """Lines of one length, in passes of at most `MOST` tokens, or one line."""
    by_length: dict[int, list[Read]] = defaultdict(list)
    for one in read:
        by_length[len(one[1].ids)].append(one)
    for length, same in sorted(by_length.items()):
        most = max(1, MOST // length)
        for start in range(0, len(same), most):
            yield same[start : start + most]
