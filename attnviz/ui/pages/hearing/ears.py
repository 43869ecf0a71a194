"""What the page on speech asks of a model of the Hub or a folder: its part of a sound, its picture of it, its run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from attnviz.ui.kit import SOFT, as_rule, model_store, plain, t, work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.axes import Axis, Bands, Frames
    from attnviz.core.interventions import Intervention
    from attnviz.core.rules import Rule
    from attnviz.models import HearingModel
    from attnviz.sounds import Sound
    from attnviz.sounds.heard import Heard
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.run import Request

MOST = 224  # tokens that are written of a window, as by Whisper's authors: half of what it can


@dataclass(frozen=True)
class Part:
    """What a model hears of a sound at a time: `sound` at its rate, which begins at `begin` s of the whole.

    It is window `number` of `count`; `axis` says when each place of its map is, in seconds of the whole.
    """

    sound: Sound
    begin: float
    axis: Axis
    number: int = 0
    count: int = 1


def take(name: str) -> HearingModel:
    """The model of that name. Raises `ModelError` for one that does not listen."""
    from attnviz.errors import ModelError
    from attnviz.models import HearingModel

    found = model_store().take(name)
    if not isinstance(found, HearingModel):
        raise ModelError("hearing_deaf", model=name)
    return found


def part_of(model: HearingModel, sound: Sound, window: int) -> Part:
    """A window of a sound, the last where there are fewer. Raises `SoundError` for one too short."""
    from attnviz.sounds import Sound

    windows, rate = model.windows(sound.seconds), int(model.extractor.sampling_rate)
    number = min(window, len(windows) - 1)
    begin, end = windows[number]
    samples = sound.part(begin, end).at(rate)[: round(model.seconds * rate)]
    part = Sound(samples, rate, sound.name, sound.notes)
    return Part(part, begin, _moved(model.hear(part).axis, begin), number, len(windows))


def _moved(axis: Any, begin: float) -> Any:
    """The same places so many seconds later."""
    return replace(axis, seconds=tuple((start + begin, end + begin) for start, end in axis.seconds))


def heard(model: HearingModel, part: Part, given: Sound) -> Heard:
    """A part of a sound, covered or not, as the model is given it."""
    read, axis = model.hear(given), cast("Frames | Bands", part.axis)
    return replace(read, axis=axis, begin=part.begin, end=part.begin + read.end)


def loud(model: HearingModel, given: Sound) -> NDArray[np.float32]:
    """The spectrogram that the model reads, `[band, column]` from 0 to 1, without what it is filled up with; of one
    that reads the wave a spectrogram of the wave.
    """
    from attnviz.sounds import mel_picture

    if not own_spectrogram(model):
        return mel_picture(given)
    values, hop = model.hear(given).values[0], model.hop
    columns = max(1, min(round(len(given.samples) / hop), max(values.shape)))
    bands = values[:, :columns] if model.network.config.model_type == "whisper" else _patched(values, columns)
    low, high = float(bands.min()), float(bands.max())
    return ((bands - low) / max(high - low, 1e-6)).astype(np.float32)


def own_spectrogram(model: HearingModel) -> bool:
    """Does the model read a spectrogram, and not the wave?"""
    return "feature" in model.extractor.model_input_names[0] or bool(model.heights)


def _patched(values: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """The columns of a spectrogram of whole windows, whose first is round its 13th millisecond: one more before."""
    return np.pad(values, ((1, 0), (0, 0)), mode="edge")[:columns].T


def changed(request: Request) -> tuple[Rule, list[Intervention]]:
    """The rule of all maps of a run, and what is changed in it: the rule where words listen alone, heads taken away."""
    from attnviz.core.interventions import RemoveHeads, Reweigh

    rule = as_rule(request.rule)
    changes: list[Intervention] = [
        RemoveHeads((head,), layers=(layer,), part=part) for part, layer, head in request.without
    ]
    if request.scope == "cross" and request.rule != SOFT:
        return as_rule(SOFT), [Reweigh(rule, part="cross"), *changes]
    return rule, changes


def read(
    model: HearingModel, request: Request, heard_of: tuple[Part, Sound], watched: tuple[work.Work, work.Bar] | None
) -> Trace:
    """What the model does with a part of a sound, covered or not: one that writes writes down what it hears.

    Raises `Stopped` where its reader stops it; what was written so far is then what the work has found.
    """
    from attnviz.recording.record import record

    (rule, changes), given = changed(request), heard(model, *heard_of)
    job, bar = watched or (work.Work(request), None)
    if model.writes:
        return _written(model, request, given, job, bar)

    def on_layer(done: int, layers: int) -> None:
        job.tell(
            bar, done / max(layers, 1), lambda: t("hearing.layers", model=plain(model.name), done=done, all=layers)
        )

    return record(model, given, rule=rule, interventions=changes, on_layer=on_layer, stop=job.stopped)


def _written(model: HearingModel, request: Request, given: Heard, job: work.Work, bar: work.Bar | None) -> Trace:
    """What a model that writes writes down."""
    from attnviz.errors import Stopped
    from attnviz.recording.generate import generate

    (rule, changes), most, count = changed(request), request.most or MOST, [0]

    def on_token(written: int, text: str) -> None:
        count[0] = written
        job.tell(bar, written / most, lambda: t("hearing.so_far", model=plain(model.name), words=plain(text[-60:])))

    tongues = (request.spoken or None, "en" if request.english else None) if model.languages else None
    found = generate(
        model, given, most=most, rule=rule, interventions=changes, languages=tongues, on_token=on_token,
        stop=job.stopped,
    )  # fmt: skip
    found = replace(found, rule=as_rule(request.rule))
    if job.stopped():  # what it has is for the one who stopped it
        job.found = (count[0], found)
        raise Stopped("run_stopped")
    return found


def as_written(trace: Trace) -> Trace:
    """The map of a model that writes with a row for each token that is written: how it listened when it wrote it.

    A run has a row for each token that is read, whose answer is the next one; the row of the last is left out.
    """
    from attnviz.core.blocks import part
    from attnviz.trace import Gap

    one, count = trace.encoded, len(trace.queries) - 1
    later = {name: getattr(one, name)[1:] for name in ("ids", "labels", "spans", "special", "types")}
    layers = tuple(layer if isinstance(layer, Gap) else part(layer, 0, count) for layer in trace.layers)
    return replace(
        trace, queries=replace(one, **later), layers=layers, outputs=trace.outputs[:count],
        logits=None if trace.logits is None else trace.logits[:count],
    )  # fmt: skip
