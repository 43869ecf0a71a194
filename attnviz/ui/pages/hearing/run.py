"""What is behind the page on speech: its voices, and runs of a model, kept by names."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from os.path import isdir, join
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attnviz import doors
from attnviz.ui.kit import SOFT, RuleChoice, plain, runs, t, work
from attnviz.ui.pages.hearing import ears, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.axes import Seconds
    from attnviz.models import HearingModel
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said, System
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.ears import Part
    from attnviz.ui.pages.hearing.views import Columns, Map, View

BUILT_IN = "digits"
UNSEEN = ("theo", "yweweler")  # voices that were never in training
LONGEST = 600.0  # seconds of a sound that are opened for a model that hears it window by window
SMALL = 64  # rows, and places, of a head drawn small
KEY = "hearing."
JOB, STOP, PRESSED, HALTED = KEY + "job", KEY + "stop", KEY + "pressed", KEY + "halted"
Head = tuple[str, int, int]  # which map, layer, head


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the sound by its fingerprint, and what is changed.

    `spoken` is the language of the built-in model's words, or the one that another model is told it hears, and with
    `english` that writes English of it; `window` which part of a long sound it hears. `scope` says in which maps the
    rule acts, `ahead` that no token may listen before the last one's peak, `hidden` are the places of the picture that
    silence or noise covers, `without` heads that bring nothing. `most` tokens are written at most: as many as there
    were when its reader stopped it, 0 where nobody did.
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
    window: int = 0
    english: bool = False
    most: int = 0

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(
            self.name, self.sound, self.spoken, window=self.window, english=self.english, most=self.most
        )  # fmt: skip

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        return self != self.untouched


def built_in(name: str) -> bool:
    """Is it the model that writes digits, or a folder like its own?"""
    return name == BUILT_IN or (doors.lets_in("path", name) and isdir(join(name, "voices")))


def system(name: str) -> System:
    """The model that writes digits."""
    from attnviz.systems.speech.system import load

    return load(name)


def foreign(name: str) -> HearingModel | None:
    """A model of the Hub or a folder; None for the one that writes digits. Raises `ModelError` for one that is deaf."""
    return None if built_in(name) else ears.take(name)


def kind(name: str) -> str:
    """What the words of a model are: tokens that it writes ("tokens"), letters or labels of frames ("letters"), what
    the answer to the whole sound is read from ("answer"), or none ("none").
    """
    found = foreign(name)
    if found is None or found.writes:
        return "tokens"
    return {"token": "letters", "sequence": "answer"}.get(found.says, "none")


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

    return open_sound(content, name=name, most=LONGEST)


def opened_path(path: str) -> Sound:
    """The sound of a file. Raises `SoundError`."""
    doors.check("path", path)
    try:
        told = Path(path).stat()
        return _opened_path(path, (told.st_mtime_ns, told.st_size))
    except (OSError, ValueError):  # what is wrong with it is said where it is opened
        return _opened_path(path, (0, 0))


@runs.kept
def _opened_path(path: str, stamp: tuple[int, int]) -> Sound:
    from attnviz.sounds import open_sound

    return open_sound(path, most=LONGEST)


def heads_of(text: str) -> tuple[Head, ...]:
    """Heads as a link writes them: cross.0.1-encoder.1.3."""
    found = (one.split(".") for one in text.split("-") if one)
    return tuple((part, int(layer), int(head)) for part, layer, head in found)


def part_of(request: Request, sound: Sound) -> Part:
    """What of the sound the model hears at a time."""
    return _part(request.name, request.sound, request.window, sound)


@runs.kept
def _part(name: str, sound: str, window: int, _sound: Sound) -> Part:
    found = foreign(name)
    if found is not None:
        return ears.part_of(found, _sound, window)
    read = system(name).hear(_sound)
    return ears.Part(read, 0.0, system(name).frames(read))


def columns(request: Request, sound: Sound) -> Columns:
    """The places of the picture."""
    found = foreign(request.name)
    return views.columns_of(part_of(request, sound).axis, () if found is None else found.heights)


def heard(request: Request, sound: Sound) -> Sound:
    """The sound as the model is given it: the part that it hears, covered where it is."""
    from attnviz.sounds import covered

    part = part_of(request, sound)
    if not request.hidden:
        return part.sound
    seconds = columns(request, sound).seconds
    spans = sorted({seconds[number] for number in request.hidden if number < len(seconds)})
    return covered(part.sound, [(start - part.begin, end - part.begin) for start, end in spans], request.noise)


def read(request: Request, sound: Sound) -> Trace:
    """What the model does with the sound, kept for everyone who asks the same. Raises `AttnvizError`.

    Of one that writes each row is that of a token it wrote. While another than the model of digits works it is said how
    far it is, and it can be stopped.
    """
    words = t("running", model=plain(request.name))
    if built_in(request.name):
        with st.spinner(words, show_time=True):
            return _listened(request, sound)
    found: Trace | None = runs.traces().get(_kept(request))
    if found is None:
        with (
            work.doing(JOB, request) as job,
            work.watched(STOP, words, t("write_stop"), partial(_press, request)) as bar,
            st.spinner(words, show_time=True),
        ):
            found = _listened(request, sound, (job, bar))
    return ears.as_written(found) if ears.take(request.name).writes else found


def _press(request: Request) -> None:
    """Stop was pressed."""
    st.session_state[PRESSED] = request


def as_far_as(request: Request) -> Request:
    """The run as far as its reader let the model write; the same where nobody stopped it.

    Raises `Stopped` for a model that writes nothing and was stopped.
    """
    earlier, pressed = work.collect(JOB), st.session_state.pop(PRESSED, None)
    if earlier is not None and earlier.about == pressed:
        written, found = earlier.found or (0, None)
        st.session_state[HALTED] = (replace(pressed.untouched, most=0), written)
        if found is not None:
            runs.traces().put(_kept(replace(pressed, most=written)), found)
    whole, written = st.session_state.get(HALTED, (None, 0))
    return replace(request, most=written or -1) if whole == request.untouched else request


def go_on() -> None:
    """Let the model listen to the end what its reader stopped."""
    st.session_state.pop(HALTED, None)


def _kept(request: Request) -> tuple[object, ...]:
    """Under which key a run is kept."""
    return runs.key_of(KEY, request, request.name)


def _listened(request: Request, sound: Sound, watched: tuple[work.Work, work.Bar] | None = None) -> Trace:
    """The run; `watched` is the work that it is, and the bar that says how far it is. Raises `AttnvizError`."""
    stopped = None if watched is None else watched[0].stopped
    found: Trace = runs.traces().take(_kept(request), lambda: _run(request, sound, watched), stopped)
    return found


def _run(request: Request, sound: Sound, watched: tuple[work.Work, work.Bar] | None) -> Trace:
    found, given = foreign(request.name), heard(request, sound)
    if found is not None:
        return ears.read(found, request, (part_of(request, sound), given), watched)
    rule, changes = ears.changed(request)
    return system(request.name).read(
        given, rule=rule, language=request.spoken, monotonic=request.ahead, changes=changes
    )  # fmt: skip


def picked(request: Request, view: View, mean: str, layer: int, head: int) -> Map:
    """The map that is open: one head, the mean of a layer's, or that of all."""
    one = {"head": (layer, head), "layer": (layer, 0), "all": (0, 0)}[mean]
    return replace(_picked(request, view.name, mean, one, view), layer=layer, head=head)


@runs.kept
def _picked(request: Request, shown: str, mean: str, one: tuple[int, int], _view: View) -> Map:
    return views.chosen(_view, mean, *one)


@runs.kept
def heads_small(request: Request, shown: str, _view: View) -> dict[int, NDArray[np.uint8]]:
    """Every head's whole map small, a byte each: shares of each row's full colour, at most `SMALL` places a side."""
    import torch

    from attnviz.figures.paint.shades import shares_of

    size = min(SMALL, len(_view.rows)), min(SMALL, len(_view.columns.seconds))
    found = {}
    for layer in _view.trace.open_layers:
        rows = views.by_rows(views.open_weights(_view.trace, layer), _view.rows)
        shares = torch.from_numpy(shares_of(views.by_columns(rows, _view.columns)))
        found[layer] = np.rint(255 * torch.nn.functional.adaptive_max_pool2d(shares, size).numpy()).astype(np.uint8)
    return found


@dataclass(frozen=True)
class Following:
    """How one head follows the sound on this run: Kendall's tau of where tokens listen, and `follows`."""

    layer: int
    head: int
    tau: float
    follows: float
    named: bool = False


@runs.kept
def following(request: Request, _trace: Trace) -> tuple[Following, ...]:
    """All heads by which words listen, the one that follows the sound best first; `named` by the makers or not."""
    from attnviz.measures.listening import follows, monotonic

    found, model = [], foreign(request.name)
    named = () if model is None else model.alignment_heads
    rows = [place for place, special in enumerate(_trace.special) if not special]
    keys = [place for place, special in enumerate(_trace.key_special) if not special]
    for layer in _trace.open_layers:
        own = _trace.weights(layer)[:, rows][..., keys]
        numbers = zip(monotonic(own).tolist(), follows(own).tolist(), strict=True)
        found += [Following(layer, head, *both, (layer, head) in named) for head, both in enumerate(numbers)]
    return tuple(sorted(found, key=lambda one: -one.follows))


@runs.kept
def times(request: Request, _sound: Sound) -> tuple[Seconds | None, ...]:
    """When each token that is written was heard, by the path through heads that follow the sound; None for marks."""
    from attnviz.measures.listening import heard_at

    whole, model = _listened(request, _sound), foreign(request.name)
    sizes = {layer: whole.attention(layer).n_heads for layer in whole.open_layers}
    named = () if model is None else model.alignment_heads
    return heard_at(whole, [(layer, head) for layer, head in named if head < sizes.get(layer, 0)])[1:]


def spans_of(request: Request, sound: Sound, view: View) -> dict[int, tuple[float, float]]:
    """From when to when words were heard, by their rows: tokens by their times, letters by the frames that say them."""
    what = kind(request.name)
    if foreign(request.name) is None or view.name != "words" or what not in ("tokens", "letters"):
        return {}
    if what == "tokens":
        return {row: (one.start, one.end) for row, one in enumerate(times(request, sound)) if one is not None}
    ends = {place: span for spot, span in zip(view.columns.places, view.columns.seconds, strict=True) for place in spot}
    return {row: (ends[one.places[0]][0], ends[one.places[-1]][1]) for row, one in enumerate(view.rows)}


@runs.kept
def loud(request: Request, _sound: Sound) -> NDArray[np.float32]:
    """The spectrogram that is drawn, `[band, column]` from 0 to 1."""
    model, given = foreign(request.name), heard(request, _sound)
    return ears.loud(model, given) if model is not None else system(request.name).spectrogram(given)


@runs.kept
def spectrogram(request: Request, _sound: Sound) -> str:
    """The mel spectrogram as a picture inside the page: time to the right, pitch upwards, loud is dark."""
    from PIL import Image

    shade = np.rint(255 * (1 - 0.9 * loud(request, _sound)[::-1])).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(shade).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def reach(name: str) -> float:
    """How many seconds before and after its own time a frame is made of too."""
    from attnviz.systems.speech.system import REACH

    found = foreign(name)
    return REACH if found is None else found.reach


def address_of(sound: Sound) -> str:
    """A sound inside the page itself."""
    return "data:audio/wav;base64," + b64encode(sound.wav()).decode()
