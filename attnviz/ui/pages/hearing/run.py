"""What is behind the page on speech: its voices, and runs of the model, kept by names."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attnviz.ui.kit import SOFT, RuleChoice, as_rule, plain, runs, t

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.core.interventions import Intervention
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said, System
    from attnviz.trace import Trace

BUILT_IN = "digits"
UNSEEN = ("theo", "yweweler")  # voices that were never in training
STEP = 4  # columns of the spectrogram to a frame
Head = tuple[str, int, int]  # which map, layer, head


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the sound by its fingerprint, and what is changed.

    `scope` says in which maps the rule acts, `ahead` that no token may listen before the last one's peak, `hidden`
    are the frames that silence or noise covers, `without` heads that bring nothing.
    """

    name: str
    sound: str
    spoken: str
    rule: RuleChoice = SOFT
    scope: str = "cross"
    ahead: bool = False
    hidden: tuple[int, ...] = ()
    noise: bool = False
    without: tuple[Head, ...] = ()

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(self.name, self.sound, self.spoken)

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        kept = replace(self, noise=False, scope="cross" if self.rule == SOFT else self.scope)
        return kept != self.untouched


def system(name: str) -> System:
    """The built-in model. What else hears may be opened here one day: all below asks a `Trace` over frames alone."""
    from attnviz.systems.speech.system import load

    return load(name)


def voices() -> tuple[str, ...]:
    """Who can say digits."""
    return system(BUILT_IN).voices.names


def say(voice: str, digits: str) -> Said:
    """A string of digits in a voice. Raises `TextError`."""
    return system(BUILT_IN).say(f"{voice} {digits}")


@runs.kept
def opened(content: bytes, name: str) -> Sound:
    """A sound that was brought. Raises `SoundError`."""
    from attnviz.sounds import open_sound

    return open_sound(content, name=name)


def opened_path(path: str) -> Sound:
    """The sound of a file. Raises `SoundError`."""
    from attnviz.sounds import open_sound

    return open_sound(path)


def heads_of(text: str) -> tuple[Head, ...]:
    """Heads as a link writes them: cross.0.1-encoder.1.3."""
    found = (one.split(".") for one in text.split("-") if one)
    return tuple((part, int(layer), int(head)) for part, layer, head in found)


def heard(request: Request, sound: Sound) -> Sound:
    """The sound as the model is given it: cut to what it reads, covered where it is."""
    from attnviz.sounds import covered

    read = system(request.name).hear(sound)
    if not request.hidden:
        return read
    seconds = system(request.name).frames(read).seconds
    spans = [seconds[number] for number in request.hidden if number < len(seconds)]
    return covered(read, spans, request.noise)


def seconds_of(trace: Trace) -> list[tuple[float, float]]:
    """When each place that is listened to begins and ends."""
    from attnviz.axes import Seconds

    found = [trace.keys.stands_for(place) for place in range(len(trace.keys))]
    return [(one.start, one.end) if isinstance(one, Seconds) else (0.0, 0.0) for one in found]


def read(request: Request, sound: Sound) -> Trace:
    """What the model does with the sound, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _listened(request, sound)


@runs.kept
def _listened(request: Request, _sound: Sound) -> Trace:
    """The same; `_sound` is the one of the request's fingerprint."""
    from attnviz.core.interventions import RemoveHeads, Reweigh

    changes: list[Intervention] = [
        RemoveHeads((head,), layers=(layer,), part=part) for part, layer, head in request.without
    ]
    rule = as_rule(request.rule)
    if request.scope == "cross" and request.rule != SOFT:
        changes, rule = [Reweigh(rule, part="cross"), *changes], as_rule(SOFT)
    return system(request.name).read(
        heard(request, _sound), rule=rule, language=request.spoken, monotonic=request.ahead, changes=changes
    )  # fmt: skip


@dataclass(frozen=True)
class Map:
    """One map `[query, frame]`: NaN where a query may not listen; and which head it is of, or a mean of which."""

    weights: NDArray[np.float32]
    layer: int
    head: int
    mean: str


def chosen(trace: Trace, mean: str, layer: int, head: int) -> Map:
    """One head, the mean of a layer's heads, or that of all."""
    if mean == "head":
        found = layer_of(trace, layer)[head]
    elif mean == "layer":
        found = layer_of(trace, layer).mean(0)
    else:
        found = np.mean([layer_of(trace, one).mean(0) for one in trace.open_layers], axis=0)
    return Map(found, layer, head, mean)


def layer_of(trace: Trace, layer: int) -> NDArray[np.float32]:
    """A layer's weights `[head, query, frame]`, NaN where listening is not allowed."""
    found: NDArray[np.float32] = trace.attention(layer).open_weights.float().numpy()
    return found


def spectrogram(request: Request, sound: Sound) -> str:
    """The mel spectrogram as a picture inside the page: time to the right, pitch upwards, loud is dark."""
    from PIL import Image

    loud = system(request.name).spectrogram(heard(request, sound))
    shade = np.rint(255 * (1 - 0.9 * loud[::-1])).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(shade).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def address_of(sound: Sound) -> str:
    """A sound inside the page itself."""
    return "data:audio/wav;base64," + b64encode(sound.wav()).decode()
