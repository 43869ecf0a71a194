"""Speech: spoken digits are written down one after the other, and each listens to the sound.

system = av.load("digits")
trace = system.read("jackson 307", language="en")
trace.text                       # "three zero seven"
trace.weights(1, 0)              # [token, frame]: where each token listened, in head 0 of the decoder's last layer
trace.map("encoder")             # what each moment of the sound listens to

Frames of 40 ms are the keys, the tokens that are written the queries; the equations stand in `network.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Frames
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention, Place, Reweigh
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, SoundError, shown
from attnviz.sounds import Sound
from attnviz.systems.speech import NAMES
from attnviz.systems.speech.mel import HOP, RATE, mel
from attnviz.systems.speech.network import STRIDE, Listener, Shape
from attnviz.systems.speech.text import BEGIN, END, LANGUAGES, LONGEST, named, written
from attnviz.systems.speech.voices import Said, Voices
from attnviz.trace import Trace

__all__ = ["LIMIT", "NAMES", "PARTS", "Said", "System", "load"]

LIMIT = 8.0  # seconds of a sound that are read, the most that training had
EACH = HOP * STRIDE / RATE  # seconds of a frame
# Seconds before and after a frame that it is made of too: of 13 columns of the spectrogram, each of 25 ms.
REACH = 0.0525
PARTS = ("cross", "encoder", "decoder")


@dataclass(frozen=True)
class System:
    """A trained network that writes digits down; never changed after loading."""

    name: str
    network: Listener
    voices: Voices
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    def say(self, text: str) -> Said:
        """A string of digits as one of its voices says it: "jackson 307". Raises `TextError`."""
        return self.voices.say(text)

    def hear(self, sound: Sound) -> Sound:
        """What is read of a sound: its first 8 seconds, 8,000 samples a second."""
        samples = sound.part(0, LIMIT).at(RATE)
        return Sound(samples, RATE, sound.name, sound.notes)

    def frames(self, sound: Sound) -> Frames:
        """When each place of the encoder is: the 40 ms round the middle of what it is made of."""
        return frames(len(_whole(self.hear(sound))) // (HOP * STRIDE))

    def spectrogram(self, sound: Sound) -> Float[np.ndarray, "band frame"]:
        """The mel spectrogram that the network reads, 0 to 1, a column every 10 ms."""
        return mel(_whole(self.hear(sound))).numpy()

    def read(
        self, text: str | Sound, *, rule: Rule | None = None, language: str = "en", monotonic: bool = False,
        changes: Sequence[Intervention] = (),
    ) -> Trace:  # fmt: skip
        """What does it write down of a sound, in "zh" or "en", and where does each token listen?

        A sound is what `av.open_sound` gives, or a string of digits as one of the model's voices says it
        ("jackson 307"). Its first 8 seconds are read. The likeliest token is written at each step, until the end or 9
        of them; `rule` acts in every map (soft unless given), `changes` as in `record`.
        With `monotonic` no token may look, in any layer, before the frame at which the last one's weight (the mean of
        the layer's heads) was largest.

        The trace's part is "cross": queries are the tokens written, keys the frames. "encoder" has the frames' own
        map, "decoder" that of the tokens read while writing. Raises `TextError` for a text that names no voice and
        digits, `AttnvizError` for a head or a frame that is not there.

        >>> load("digits").read("jackson 307").text
        'three zero seven'
        """
        if language not in LANGUAGES:
            raise ArgumentError("scene_language", got=shown(language))
        sound = self.say(text).sound if isinstance(text, str) else text
        if not isinstance(sound, Sound):
            raise SoundError("sound_kind", got=shown(text))
        with torch.inference_mode():
            writer = _Writer(self, mel(_whole(self.hear(sound))), rule or Soft(), tuple(changes), monotonic)
            writer.write()
            return writer.trace(language)


def frames(count: int) -> Frames:
    """So many frames of 40 ms, each round the middle of what it is made of; the first and the last up to the ends.

    >>> frames(3).seconds
    ((0.0, 0.02), (0.02, 0.06), (0.06, 0.12))
    """
    middles = [round((number + 0.5) * EACH, 6) for number in range(count - 1)]
    return Frames(tuple(zip([0.0, *middles], [*middles, round(count * EACH, 6)], strict=True)))


def _whole(sound: Sound) -> Float[Tensor, " sample"]:
    """The samples, nothing behind them, up to a whole frame of the encoder."""
    samples = torch.from_numpy(sound.samples.copy())
    return torch.nn.functional.pad(samples, (0, -len(samples) % (HOP * STRIDE)))


@dataclass
class _Writer:
    """Digits being written: the maps of the latest step, and from which frame on each token may look in each layer."""

    system: System
    mel: Float[Tensor, "band frame"]
    rule: Rule
    changes: tuple[Intervention, ...]
    monotonic: bool
    ids: list[int] = field(default_factory=list)
    maps: dict[str, dict[int, Attention]] = field(default_factory=lambda: {part: {} for part in PARTS})
    floors: dict[int, list[int]] = field(default_factory=dict)

    def look(self, part: str, layer: int, call: Attention) -> Attention:
        """A call as it shall be: under the rule, with the changes, and with what monotony forbids."""
        call = replace(call, rule=self.rule.at(layer))
        if part == "cross" and self.monotonic:
            call = replace(call, allowed=self._ahead(layer, call))
        for change in self.changes:
            if change.acts(part, layer):
                call = change.change(call, Place(part, layer))
        self.maps[part][layer] = call
        return call

    def _ahead(self, layer: int, call: Attention) -> Bool[Tensor, "token frame"]:
        """Which frames may each token look at? Those from the peak of the token before on."""
        floors = self.floors.setdefault(layer, [0])
        floors += [0] * (call.queries.shape[-2] - len(floors))
        return torch.arange(call.keys.shape[-2]) >= torch.tensor(floors)[: call.queries.shape[-2], None]

    def write(self) -> None:
        """Write token after token; each step computes those before it anew, which changes nothing in them."""
        network = self.system.network
        self.heard = network.hear(self.mel, look=self.look)
        while len(self.ids) < LONGEST and self.ids[-1:] != [END]:
            self.states = network.write(torch.tensor([BEGIN, *self.ids]), self.heard, look=self.look)
            self.logits = network.out(self.states)
            self.logits[:, BEGIN] = -torch.inf
            self.ids.append(int(self.logits[-1].argmax()))
            if self.monotonic:
                for layer, call in self.maps["cross"].items():
                    self.floors[layer].append(int(call.weights[:, -1].mean(0).argmax()))

    def _rule(self, part: str) -> Rule:
        """The rule of one map, which a change may have made another."""
        others = [one.rule for one in self.changes if isinstance(one, Reweigh) and one.meant(part) and not one.layers]
        return others[-1] if others else self.rule

    def trace(self, language: str) -> Trace:
        """What has been recorded."""
        heard = frames(len(self.heard))
        read, said = written([BEGIN, *self.ids[:-1]], language), written(self.ids, language)
        sides = {"cross": (said, heard), "encoder": (heard, heard), "decoder": (read, read)}
        found = {
            part: Trace(
                *sides[part], tuple(calls[number] for number in sorted(calls)), model=self.system.name, kind="speech",
                rule=self._rule(part), part=part, changes=self.changes,
            )
            for part, calls in self.maps.items()
        }  # fmt: skip
        others = {part: found[part] for part in PARTS[1:]}
        return replace(
            found["cross"], others=others, outputs=self.states, logits=self.logits,
            name_piece=partial(named, language=language),
        )  # fmt: skip


@cache
def load(name: str) -> System:
    """One of the models of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        network = Listener(Shape(**shipped.config(place)))
        network.load_state_dict(shipped.tensors(place))
        return System(
            name, network.eval().requires_grad_(False), Voices.read(place), shipped.licence(place)
        )  # fmt: skip
