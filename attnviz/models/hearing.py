"""A model that listens to a sound in place of reading a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attnviz.adapter.classes import Kind
from attnviz.adapter.hearing.kinds import AST_HOP, clock, reach, strips, window
from attnviz.adapter.hearing.opening import opened
from attnviz.adapter.hearing.prompts import codes
from attnviz.adapter.hearing.reading import begins, heard
from attnviz.adapter.machine import Machine
from attnviz.errors import SoundError, shown
from attnviz.models.load import Boundary, WithoutText
from attnviz.notices import Notice
from attnviz.sounds import Sound, open_sound
from attnviz.sounds.heard import Heard

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase  # noqa: F401 - in a Model's fields, as below

# Of a Model's fields: who reads the annotations of a HearingModel looks for their names here.
NAMED_IN_FIELDS = (Boundary, Kind, Notice, torch.dtype)
LONGEST = 3600.0  # seconds of a file that are opened where one is given by its path


@dataclass(frozen=True)
class HearingModel(WithoutText):
    """A loaded model that listens: Whisper, Moonshine, wav2vec2, HuBERT, WavLM, UniSpeech, data2vec, AST.

    It is a `Model` in all but what it reads: `kind` is "hearing". `extractor` is transformers' own feature extractor.
    `says` is what its trained head speaks of: "seq2seq" writes down what is said (`generate`), "token" says something
    of each frame (CTC's letters), "sequence" of the whole sound, "plain" nothing. `limit` is the longest answer of one
    that writes, in tokens.
    """

    extractor: Any = field(default=None, kw_only=True, repr=False, compare=False)
    says: str = field(default="plain", kw_only=True)

    def hear(self, sound: Any, window: int = 0) -> Heard:
        """Hear a sound as the model does: what `open_sound` gave or takes, or samples with their rate, `(array, rate)`.

        A sound longer than the model hears at a time is cut into windows of that length, of which this is number
        `window`; `Heard.windows` counts them and `Heard.notes` say so. Raises `SoundError` for what is no sound, or is
        too short for one frame, `AttnvizError` for a window that there is not.
        """
        if isinstance(sound, Heard):
            return sound
        return heard(self.network.config, self.extractor, as_sound(sound), window)

    @property
    def seconds(self) -> float:
        """The longest sound that it hears at a time."""
        return window(self.network.config, self.extractor) / int(self.extractor.sampling_rate)

    def windows(self, seconds: float) -> tuple[tuple[float, float], ...]:
        """From when to when are the windows that it hears a sound of so many seconds in? One where it is short."""
        rate, size = int(self.extractor.sampling_rate), window(self.network.config, self.extractor)
        samples = round(seconds * rate)
        starts = begins(samples, size, clock(self.network.config, self.extractor).least)
        return tuple((start / rate, min(start + size, samples) / rate) for start in starts)

    @property
    def reach(self) -> float:
        """How many seconds before and after its own time is a frame made of too, by the model's convolutions?"""
        return reach(self.network.config, self.extractor) / int(self.extractor.sampling_rate)

    @property
    def writes(self) -> bool:
        """Does it write down what it hears?"""
        return self.says == "seq2seq"

    @property
    def labels(self) -> tuple[str, ...]:
        """What its head can say, in its order; () where it has none, or writes."""
        if self.says not in ("token", "sequence"):
            return ()
        config: Any = self.network.config
        count = int(config.vocab_size if self.spells else config.num_labels)
        if self.tokenizer is not None:
            return tuple(str(one) for one in self.tokenizer.convert_ids_to_tokens(list(range(count))))
        named: Mapping[Any, str] = {} if self.spells else (config.id2label or {})
        return tuple(str(named.get(number, f"LABEL_{number}")) for number in range(count))

    @property
    def spells(self) -> bool:
        """Does it say a letter of each frame (CTC)?"""
        return type(self.network).__name__.endswith("ForCTC")

    @property
    def blank(self) -> int | None:
        """The label by which one that spells says nothing new; None where it does not spell."""
        found = getattr(self.network.config, "pad_token_id", None) if self.spells else None
        return None if found is None else int(found)

    @property
    def hop(self) -> int:
        """How many samples lie from one column to the next of the spectrogram that it reads, if it reads one."""
        return int(getattr(self.extractor, "hop_length", AST_HOP))

    @property
    def heights(self) -> tuple[tuple[float, float], ...]:
        """Where each row of patches lies in the spectrogram, from its lowest band (0) to its highest (1).

        () where the model hears all of the spectrogram at once, or the wave.
        """
        config: Any = self.network.config
        return tuple((low / config.num_mel_bins, high / config.num_mel_bins) for low, high in strips(config))

    @property
    def alignment_heads(self) -> tuple[tuple[int, int], ...]:
        """The layers and heads that its makers named as those that follow the sound; () where they named none."""
        said = getattr(getattr(self.network, "generation_config", None), "alignment_heads", None) or ()
        return tuple((int(layer), int(head)) for layer, head in said)

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages that it can be told it hears ("en", "zh"), () where of none."""
        return codes(self.network)


def as_sound(given: Any) -> Sound:
    """A sound of whatever is given for one: `(samples, rate)`, or what `open_sound` takes. Raises `SoundError`."""
    if not isinstance(given, tuple):
        return open_sound(given, most=LONGEST)
    if len(given) != 2:
        raise SoundError("sound_kind", got=shown(given))
    samples, rate = given
    try:
        found = np.asarray(samples.detach().cpu() if isinstance(samples, torch.Tensor) else samples)
        number = int(rate)
    except Exception as reason:
        raise SoundError("sound_kind", got=shown(given)) from reason
    if found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
        raise SoundError("sound_samples", got=f"{found.dtype} {list(found.shape)}")
    if found.dtype.kind in "iu":  # whole numbers of so many bits, unsigned ones round their middle
        bits = np.iinfo(found.dtype)
        middle = (bits.max + 1) / 2 if found.dtype.kind == "u" else 0.0
        found = (found.astype(np.float64) - middle) / (middle or bits.max + 1.0)
    if found.ndim == 2:  # channels: the shorter side
        found = found.mean(axis=int(np.argmin(found.shape)))
    return Sound(np.ascontiguousarray(found, np.float32), number)


def open_folder(name: str, folder: Path, machine: Machine, **known: Any) -> HearingModel:
    """The model of a folder; `known` is what else was found of it. Raises `ModelError`."""
    read = opened(name, folder, machine)
    config, tokenizer = read.network.config, read.tokenizer
    limit = getattr(config, "max_target_positions", None) or getattr(config, "max_position_embeddings", None)
    speller: Any = tokenizer  # None where it spells nothing
    return HearingModel(
        name, "hearing", read.network, speller, None, int(limit) if read.says == "seq2seq" and limit else None,
        extractor=read.extractor, says=read.says, notices=(*known.pop("notices", ()), *read.notices), **known,
    )  # fmt: skip
