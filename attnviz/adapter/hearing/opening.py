"""Open a folder of a model that listens: its network, how a sound is prepared for it, what spells its words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.adapter.classes import Choice, named_class
from attnviz.adapter.hearing.kinds import EXTRACTORS, WRITERS
from attnviz.adapter.hearing.wavlm import TYPE as WAVLM
from attnviz.adapter.hearing.wavlm import attending
from attnviz.adapter.machine import Machine
from attnviz.adapter.opening import EAGER, LOCAL, adapter_of, network_of, notices_of, own_config, tokenizer_of
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAID = ("preprocessor_config.json", "processor_config.json")  # in which of its files a folder says it
# What classes are called that say something of a sound, and of what: of the whole, or of each frame.
HEADS = {
    "ForConditionalGeneration": "seq2seq", "ForCTC": "token", "ForAudioFrameClassification": "token",
    "ForSequenceClassification": "sequence", "ForAudioClassification": "sequence",
}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """What transformers made of a folder. `says` is what a trained head speaks of: "seq2seq" writes, "token" says
    something of each frame, "sequence" of the whole sound, "plain" nothing. `tokenizer` is None where nothing is
    spelt.
    """

    network: PreTrainedModel
    extractor: Any
    tokenizer: PreTrainedTokenizerBase | None
    says: str
    notices: tuple[Notice, ...] = ()


def opened(name: str, folder: Path, machine: Machine) -> Opened:
    """The network of a folder with what prepares its sounds. Raises `ModelError`."""
    config = own_config(name, folder, machine)
    config.apply_spec_augment = False  # parts of a sound are hidden in training alone
    read = network_of(name, config, folder, LOCAL, _choices(config))
    said = (*notices_of(name, folder, config), *read.notices, *adapter_of(name, folder, read.network))
    machine.put(name, read.network)
    attending(read.network)
    if read.network.config._attn_implementation == EAGER and config.model_type != WAVLM:
        raise ModelError("model_no_attention", model=name)
    extractor, more = _extractor(name, folder, config)
    says = read.choice.kind
    tokenizer = _tokenizer(name, folder, config, says)
    return Opened(read.network.eval(), extractor, tokenizer, says, (*said, *more))


def _choices(config: Any) -> tuple[Choice, ...]:
    """Which classes may read the weights: that which the folder names, and what is left without its head."""
    import transformers

    named, body = named_class(config), Choice("plain", transformers.AutoModel)
    called = "" if named is None else named.__name__
    kind: Any = next((say for end, say in HEADS.items() if called.endswith(end)), None)
    if named is not None and kind is not None:
        return (Choice(kind, named),) if kind == "seq2seq" else (Choice(kind, named), body)
    if config.model_type in WRITERS:  # what writes is tied to its embeddings
        maker: Any = transformers.AutoModelForSpeechSeq2Seq._model_mapping[type(config)]
        return Choice("seq2seq", maker), body
    return (body,)


def _extractor(name: str, folder: Path, config: Any) -> tuple[Any, tuple[Notice, ...]]:
    """What prepares a sound as the model was trained on; made up from its type, and said, where no file tells.

    Raises `ModelError` for one that cannot be had here.
    """
    import transformers

    known = EXTRACTORS[config.model_type]
    if not any((folder / file).is_file() for file in SAID):
        sizes = {
            "whisper": {"feature_size": getattr(config, "num_mel_bins", 80)},
            "audio-spectrogram-transformer": {
                name: getattr(config, name, None) for name in ("num_mel_bins", "max_length")
            },
        }.get(config.model_type, {})  # fmt: skip
        made = getattr(transformers, known)(**sizes)
        return made, (Notice("sound_default", {"model": name, "rate": int(made.sampling_rate)}),)
    with guarded(lambda reason: ModelError("sound_extractor", model=name, reason=first_line(reason))):
        found = transformers.AutoFeatureExtractor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    if type(found).__name__ != known:
        raise ModelError("sound_extractor_other", model=name, kind=type(found).__name__)
    return found, ()


def _tokenizer(name: str, folder: Path, config: Any, says: str) -> Any:
    """What spells what a model writes: that of a decoder, or the letters of CTC where the folder has them."""
    if says != "seq2seq" and not (says == "token" and (folder / "vocab.json").is_file()):
        return None
    with guarded(lambda reason: ModelError("tokenizer_unreadable", model=name, reason=first_line(reason))):
        return tokenizer_of(name, config, folder, LOCAL)
