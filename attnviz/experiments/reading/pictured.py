"""Which patches does an answer about a picture rest on? Every way of reading side by side, and what without a patch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError, ModelError
from attnviz.experiments.reading.attributions import YARDSTICKS, Attributions, chosen_ways, each_way
from attnviz.experiments.reading.gradients import STEPS, along, relevances, uppermost
from attnviz.experiments.reading.places import Places, Shares, by_closeness, by_length, by_weight
from attnviz.experiments.reading.seen_edges import runs_each, unseen, zeroed
from attnviz.measures import found as things
from attnviz.measures.reading import lengths
from attnviz.models.finding import DetectionModel
from attnviz.models.seeing import VisionModel
from attnviz.pictures import Picture, Seen, open_picture
from attnviz.recording.gradients import BoxSide, Differentiable, Logit, Target, differentiable
from attnviz.recording.pictures import by_window
from attnviz.recording.record import changes_of, record
from attnviz.recording.several import Words
from attnviz.recording.things.glances import Glances, Repeated
from attnviz.text.tokens import Encoded
from attnviz.threads import cached_property
from attnviz.trace import Trace

By = Literal["zero", "mean", "other"]
MOST_FLOW = 128  # places: between 197 of 12 layers the flow to one takes minutes


@dataclass(frozen=True)
class Wanted:
    """What is asked of an answer about a picture; the fields mean what the arguments of `attributions` mean."""

    target: Target | None = None
    at: int | None = None
    ways: Sequence[str] | None = None
    rule: Rule | None = None
    other: Any = None
    changes: Sequence[Intervention] = ()
    on_way: Callable[[int, int], object] | None = None
    stop: Callable[[], bool] | None = None
    on_runs: Callable[[int, int], object] | None = None

    def heard(self, of: int) -> Callable[[int], object]:
        """Tells `on_runs` how many runs are done, of so many; those of the ways that need but one count as one."""
        done = 0

        def told(runs: int) -> None:
            nonlocal done
            done += runs
            if self.on_runs is not None:
                self.on_runs(min(done, of + 1), of + 1)

        return told


@dataclass(frozen=True, eq=False)
class _Run:
    """One picture with a target: its trace, and what only some ways need, made when first asked for.

    `at` is the query of a detector, 0 of any other model.
    """

    glances: Glances
    trace: Trace
    target: Target
    at: int
    other: Any = field(default=None, repr=False)

    @property
    def read(self) -> Seen:
        return self.glances.read

    @cached_property
    def patches(self) -> list[int]:
        return _patches(self.read)

    @cached_property
    def value(self) -> float:
        return _numbers(self.glances.run(_of(self.read)[None]), self.target)[0]

    @cached_property
    def live(self) -> Differentiable:
        """The run once more, to be differentiated; where no map has all places, no gradient of one helps either."""
        assert self.places
        return differentiable(
            self.glances.model, self.read, rule=self.trace.rule, interventions=self.trace.changes
        )  # fmt: skip

    @property
    def places(self) -> Places:
        """All places, those of the picture first. Raises `ModelError` where no map has them all."""
        model = self.glances.model
        if by_window(model):
            raise ModelError("reading_stages", model=model.name)
        self.check_points()
        return Places(self.trace)

    def check_points(self) -> None:
        """Refuse what follows maps or gradients, of a model whose queries choose points. Raises `ModelError`."""
        model = self.glances.model
        if isinstance(model, DetectionModel) and model.samples:
            raise ModelError("reading_points", model=model.name)

    @cached_property
    def queries(self) -> list[int]:
        """The rows of the map that the answer is read from: a detector's query, else what its head follows."""
        places = self.places
        if isinstance(self.glances.model, DetectionModel):
            assert self.trace.answer is not None
            return [len(places.labels) - places.sources - len(self.trace.answer.read) + self.at]
        followed = self.live.followed(self.target)
        rows = [] if followed is None else torch.nonzero(followed).flatten().tolist()
        return rows or list(range(len(places.labels)))


def _weights(run: _Run) -> Tensor:
    """The mean over all heads and layers."""
    return run.places.direct(run.at, lambda one, layer: one.weights(layer)[:, run.queries].mean((0, 1)))


def _largest(run: _Run) -> Tensor:
    """The largest in any head of any layer, on the mean of the rows."""
    one = run.trace  # of a detector with two sides, from queries to places
    found = [one.weights(layer)[:, run.queries].mean(1).amax(0) for layer in one.open_layers]
    return torch.stack(found).amax(0)


def _rolled(shares: Shares) -> Callable[[_Run], Tensor]:
    """The maps of all layers, rolled out with what stays of a state in them already."""
    return lambda run: run.places.rolled(shares, *run.queries)


def flow_to(places: Places, queries: Sequence[int]) -> Float[Tensor, " place"]:
    """The most that flows through all maps to these rows. Raises `AttnvizError` where that would take minutes."""
    if (count := len(places.labels)) > MOST_FLOW:
        raise AttnvizError("reading_flow_many", places=count, most=MOST_FLOW)
    return places.flowed(*queries)


def _brought(run: _Run) -> Tensor:
    """How long is what all heads together bring the rows, the mean over them and the layers?"""

    def sizes(one: Trace, layer: int) -> Tensor:
        call = one.attention(layer)
        return lengths(call.weights[:, run.queries], one.block(layer).transformed(call)).mean(0)

    return _with_blocks(run).direct(run.at, sizes)


def _by_vectors(shares: Shares) -> Callable[[_Run], Tensor]:
    """As `_rolled`, where the model shows what its blocks do."""
    return lambda run: _with_blocks(run).rolled(shares, *run.queries)


def _with_blocks(run: _Run) -> Places:
    """All places. Raises `ModelError` where the model does not show what its blocks do."""
    places = run.places
    if not run.trace.blocks:
        raise ModelError("reading_no_blocks", model=run.glances.model.name)
    return places


def integrated(run: _Run, steps: int = STEPS) -> Float[Tensor, " place"]:
    """What does each patch bring, on the way from patches that are all the mean one? (Sundararajan et al. 2017, eq. 1)

    The sum over its pixels of (x - x0) * mean gradient. Complete: the patches sum to the target less what it is at x0.
    """
    run.check_points()
    whole, start = _of(run.read), torch.from_numpy(filling(run.read, "mean"))

    def ends(held: Tensor) -> list[Tensor]:
        return [run.target(one) for one in run.glances.run(held, Words(gradients=True))]

    brought = along(start, whole, run.glances.groups(steps), ends, steps).sum(0)
    return torch.stack([brought[run.read.cut(place)].sum() for place in run.patches])


def covered(run: _Run, by: By) -> Float[Tensor, " place"]:
    """How much lower is the target when a patch is another: y - y without it, `[place]`? (Zeiler and Fergus 2014)

    Its pixels are put to `zero` (the mean colour of what the model was trained on), to the `mean` patch of the picture,
    or to what lies there in another picture. One run for each patch, 16 at once where they fit.
    """
    whole, fill, found = _of(run.read), torch.from_numpy(filling(run.read, by, run.other)), list[float]()
    for group in run.glances.groups(len(run.patches)):
        values = whole.repeat(len(group), 1, 1, 1)
        for one, number in zip(values, group, strict=True):
            cut = (slice(None), *run.read.cut(run.patches[number]))
            one[cut] = fill[cut]
        found += [run.value - without for without in _numbers(run.glances.run(values), run.target)]
    return torch.tensor(found, dtype=torch.float64)


def filling(read: Seen, by: By, other: Seen | None = None) -> NDArray[np.float32]:
    """A whole picture `[colour, row, column]` that patches are covered with.

    Raises `AttnvizError` where there is no other picture, or where the model reads it in another size.
    """
    if by == "zero":
        return np.zeros_like(read.values)
    if by == "other":
        if other is None or other.values.shape != read.values.shape:
            raise AttnvizError("reading_other_picture")
        return np.array(other.values)
    cuts = [read.cut(place) for place in _patches(read)]
    cells = [read.values[:, *cut] for cut in cuts]
    full = max(one.shape for one in cells)  # those at the border may have fewer rows or columns
    mean, found = np.stack([one for one in cells if one.shape == full]).mean(0), np.array(read.values)
    for cut, one in zip(cuts, cells, strict=True):
        found[:, *cut] = mean[:, : one.shape[1], : one.shape[2]]
    return found


def _patches(read: Seen) -> list[int]:
    """The places that stand for a part of the picture."""
    return [place for place in range(len(read.axis)) if read.axis.stands_for(place) is not None]


def _of(read: Seen) -> Float[Tensor, "colour row column"]:
    return torch.from_numpy(np.array(read.values))


def _numbers(outcomes: Sequence[Any], target: Target) -> list[float]:
    return [float(target(one)) for one in outcomes]


def _without_edges(shared: bool) -> Callable[[_Run], Tensor]:
    """How much lower is the target when the rows that it is read from may not look at a patch: y - y without?"""

    def read(run: _Run) -> Tensor:
        queries = run.queries  # which raises where no map has all places
        return run.value - unseen(Repeated(run.glances), run.trace.part, run.target, queries, run.patches, shared)

    return read


WAYS: Mapping[str, Callable[[_Run], Tensor]] = {
    "weights": _weights,
    "largest": _largest,
    "rollout": _rolled(by_weight),
    "flow": lambda run: flow_to(run.places, run.queries),
    "norms": _brought,
    "norms_residual": _by_vectors(by_length),
    "alti": _by_vectors(by_closeness),
    "gradient_attention": lambda run: uppermost(run.live, run.target)[run.queries].mean(0),
    "relevance": lambda run: relevances(run.live, run.target)[run.queries].mean(0),
    "value_zeroing": lambda run: zeroed(run.glances, run.places, run.queries),
    "integrated_gradients": integrated,
    "occluded_zero": lambda run: covered(run, "zero"),
    "occluded_mean": lambda run: covered(run, "mean"),
    "occluded_other": lambda run: covered(run, "other"),
    "edges_shared": _without_edges(True),
    "edges_lost": _without_edges(False),
}
OF_MAPS = tuple(way for way in WAYS if way not in ("integrated_gradients", *YARDSTICKS))
# Beside a yardstick, on pages. Flow is nearly the same from every patch: in full colour everywhere it would say much.
SHOWN = tuple(way for way in WAYS if way not in ("flow", *YARDSTICKS))


def seen_to_rest(model: VisionModel, picture: Any, wanted: Wanted) -> Attributions:
    """`attributions`, of a picture: rows over the places that stand for a part of it. Raises what `record` raises."""
    if isinstance(picture, Trace):
        raise AttnvizError("picture_cannot", model=model.name, what="trace")
    if picture is None or isinstance(picture, (str, Encoded)):
        raise ModelError("model_sees", model=model.name)
    chosen = chosen_ways(wanted.ways, WAYS)
    read = model.see(picture)
    trace = _recorded(model, read, wanted)
    costs = _costs(model, trace, len(_patches(read)))
    heard = wanted.heard(sum(costs.get(way, 0) for way in chosen))
    glances = Glances(model, read, changes_of(trace.rule, trace.changes), wanted.stop, heard)
    at = _where(trace, wanted)
    if isinstance(model, DetectionModel) and model.proposes and isinstance(wanted.target, Logit | BoxSide | None):
        raise ModelError("reading_queries_anew", model=model.name)
    target = wanted.target or _likeliest(trace, at)
    return _all(_Run(glances, trace, target, at, _beside(model, read, wanted.other)), chosen, wanted)


def _costs(model: VisionModel, trace: Trace, patches: int) -> Mapping[str, int]:
    """How many runs does each way take, by its name; a way that this model cannot have takes none."""
    found = {way: patches for way in YARDSTICKS if way.startswith("occluded")} | {"integrated_gradients": STEPS}
    if by_window(model) or (isinstance(model, DetectionModel) and model.samples):
        return found
    return {**found, **runs_each(trace, patches)}


def _recorded(model: VisionModel, read: Seen, wanted: Wanted) -> Trace:
    """The picture's run, with its states where the model shows them."""
    asked: dict[str, Any] = {"rule": wanted.rule, "interventions": tuple(wanted.changes)}
    try:
        return record(model, read, **asked, states=True)
    except ModelError as reason:
        if reason.message != "model_keeps_blocks":
            raise
    return record(model, read, **asked)


def _beside(model: VisionModel, read: Seen, other: Any) -> Seen | None:
    """Another picture, brought to the size of this one."""
    if other is None or isinstance(other, Seen):
        return other
    found: Picture = open_picture(other)
    return model.see(open_picture(found.image().resize((read.picture.width, read.picture.height))))


def _where(trace: Trace, wanted: Wanted) -> int:
    """Which query of a detector is asked about; 0 of any other model."""
    at = wanted.at
    at = getattr(wanted.target, "query", getattr(wanted.target, "position", None)) if at is None else at
    if at is None:
        at = things(trace, 0.0)[0].slot if _finds(trace) else 0
    last = 0 if trace.answer is None else len(trace.answer.scores) - 1
    if not 0 <= at <= last:
        raise AttnvizError("no_such_position", number=at, last=last)
    return int(at)


def _finds(trace: Trace) -> bool:
    """Is it the run of a detector?"""
    return trace.answer is not None and trace.answer.about == "token"


def _likeliest(trace: Trace, at: int) -> Logit:
    """The label that is likeliest, of a query among those that are something."""
    if trace.answer is None:
        raise AttnvizError("target_no_logits")
    if not _finds(trace):
        return Logit(at, int(trace.answer.scores[at].argmax()))
    label = next(one.label for one in things(trace, 0.0) if one.slot == at)
    return Logit(at, trace.answer.labels.index(label))


def _all(run: _Run, ways: Sequence[str], wanted: Wanted) -> Attributions:
    """Every row over the patches, or why there is none."""

    def read(way: str) -> Tensor:
        row = WAYS[way](run)
        return row[run.patches] if way in OF_MAPS else row

    rows, missing = each_way(ways, read, wanted.on_way, wanted.stop)
    labels = tuple(run.read.axis.labels[place] for place in run.patches)
    seen = torch.ones(len(labels), dtype=torch.bool)
    return Attributions(run.at, run.value, labels, seen, rows, missing, own=-1)
