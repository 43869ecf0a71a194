"""Which of transformers' classes reads a folder, and what does it predict? Its own mappings say, not a class's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from transformers import PretrainedConfig

HeadKind = Literal["sequence", "token", "question", "choice", "boxes", "forecast"]
Kind = Literal["masked", "causal", "seq2seq", "plain", "vision", "hearing", "series", "captioning"] | HeadKind
# Trained heads: what each purpose of transformers' speaks of.
HEADS: Mapping[str, HeadKind] = {
    "SEQUENCE_CLASSIFICATION": "sequence", "TOKEN_CLASSIFICATION": "token", "QUESTION_ANSWERING": "question",
    "NEXT_SENTENCE_PREDICTION": "sequence", "MULTIPLE_CHOICE": "choice", "IMAGE_CLASSIFICATION": "sequence",
    "OBJECT_DETECTION": "boxes",
}  # fmt: skip
HEAD_KINDS: frozenset[str] = frozenset(HEADS.values())


@dataclass(frozen=True)
class Choice:
    """A class that may read the weights, and what the model then predicts.

    With `encoder` only if it has no decoder; it is known once it is built (T5ForTokenClassification has none,
    T5ForSequenceClassification has one).
    """

    kind: Kind
    maker: type[Any]
    encoder: bool = False


def choices(config: PretrainedConfig, gguf: bool = False) -> tuple[Choice, ...]:
    """Which classes may read a folder with this configuration? The first whose weights are all there does.

    The class that the configuration names decides, by the mapping that holds it; where it names none, or none that
    transformers has, its type does, and what lies in the file. A GGUF file names none: it holds a decoder.
    """
    name = (config.architectures or [""])[0]
    named = _named(config, name)
    if named is None:
        return _by_type(config, name, gguf)
    kind = _kind(config, name)
    if kind == "seq2seq":
        return (Choice(kind, named),)
    if kind in HEAD_KINDS:
        return (Choice(kind, named), *_below(config))
    if kind != "plain":
        return Choice(kind, named), Choice("plain", _body())
    if _fills_blanks(config, name, named):
        return Choice("masked", _class_of("MASKED_LM", config)), Choice("plain", _body())
    return _of_both_sides(config, named) if config.is_encoder_decoder else _of_one(config, named)


def _of_one(config: PretrainedConfig, named: type[Any]) -> tuple[Choice, ...]:
    """The layers below a head that predicts no tokens; the named class itself where they are not those of its type."""
    return Choice("plain", _body()), Choice("plain", named)  # DPRContextEncoder is no DPRQuestionEncoder


def _of_both_sides(config: PretrainedConfig, named: type[Any]) -> tuple[Choice, ...]:
    """An encoder alone, or an encoder-decoder, whose predictions come from its embeddings where they are tied."""
    writer = _find("SEQ_TO_SEQ_CAUSAL_LM", config) or _find("IMAGE_TEXT_TO_TEXT", config)
    body = () if named.__name__ == _names("").get(config.model_type) else (Choice("plain", named, encoder=True),)
    return (*body, *(() if writer is None else (Choice("seq2seq", writer),)))


def _below(config: PretrainedConfig) -> tuple[Choice, ...]:
    """The layers below a trained head: those of its type, or its encoder where no decoder was saved."""
    alone = _find("TEXT_ENCODING", config)
    return Choice("plain", _body()), *(() if alone is None else (Choice("plain", alone, encoder=True),))


def _by_type(config: PretrainedConfig, name: str, gguf: bool) -> tuple[Choice, ...]:
    """What a type of model predicts at most, and below it what is left where the file has no head for that."""
    plain = Choice("plain", _body())
    writer, alone = _find("SEQ_TO_SEQ_CAUSAL_LM", config), _find("TEXT_ENCODING", config)
    if writer is not None and (config.is_encoder_decoder or alone is not None):  # T5's encoder says that it is none
        return Choice("seq2seq", writer), *(() if alone is None else (Choice("plain", alone, encoder=True),))
    masked, causal = _find("MASKED_LM", config), _find("CAUSAL_LM", config) or _find("IMAGE_TEXT_TO_TEXT", config)
    looks_back = gguf or _looks_back(config) or name.endswith(("ForCausalLM", "LMHeadModel"))
    if masked is not None and not (looks_back and causal is not None):
        return Choice("masked", masked), plain
    return (plain,) if causal is None else (Choice("causal", causal), plain)


def named_class(config: PretrainedConfig) -> type[Any] | None:
    """The class of transformers that a configuration names, where it is one for this type of model."""
    return _named(config, (config.architectures or [""])[0])


def _named(config: PretrainedConfig, name: str) -> type[Any] | None:
    """The class of that name, where transformers has it for this type of model."""
    import transformers

    found = getattr(transformers, name, None) if name.isidentifier() else None
    if not isinstance(found, type) or not issubclass(found, transformers.PreTrainedModel):
        return None
    own = getattr(found, "config_class", None)
    return found if own is not None and (isinstance(config, own) or own.model_type == config.model_type) else None


def _kind(config: PretrainedConfig, name: str) -> Kind:
    """What a class predicts, by the mapping that holds it. XLM has one class for both, and a word that says which."""
    held = {purpose for purpose in PURPOSES if name in set(_names(purpose).values())}
    if "SEQ_TO_SEQ_CAUSAL_LM" in held or ("IMAGE_TEXT_TO_TEXT" in held and config.is_encoder_decoder):
        return "seq2seq"
    if {"CAUSAL_LM", "MASKED_LM"} <= held:
        return "causal" if _looks_back(config) else "masked"
    if "MASKED_LM" in held:
        return "masked"
    return "causal" if held else head_of(name) or "plain"


@cache  # asked at every run
def head_of(name: str) -> HeadKind | None:
    """What does the trained head of a class speak of, by the mapping that holds it? None for no such head."""
    return next((kind for purpose, kind in HEADS.items() if name in _held(purpose)), None)


def _held(purpose: str) -> set[str]:
    """The names of transformers' classes for a purpose; some types have several (DeiT, with and without a teacher)."""
    found = _names(purpose).values()
    return {name for one in found for name in (one if isinstance(one, tuple | list) else (one,))}


PURPOSES = ("SEQ_TO_SEQ_CAUSAL_LM", "CAUSAL_LM", "MASKED_LM", "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM")


def _looks_back(config: PretrainedConfig) -> bool:
    """Does a model of a type that can be either see earlier tokens alone?"""
    return bool(getattr(config, "is_decoder", False) or getattr(config, "causal", False))


def _fills_blanks(config: PretrainedConfig, name: str, named: type[Any]) -> bool:
    """Was it trained for several things, filling blanks among them? Its head is then tied to its embeddings.

    That of ElectraForPreTraining is not: it tells true tokens from false ones.
    """
    trained = name in set(_names("PRETRAINING").values()) and not config.is_encoder_decoder
    return trained and bool(getattr(named, "_tied_weights_keys", None)) and _find("MASKED_LM", config) is not None


def _find(purpose: str, config: PretrainedConfig) -> type[Any] | None:
    """The class of a type of model for a purpose, by transformers' mapping; None where it has none."""
    import transformers

    name = _names(purpose).get(config.model_type)
    found = getattr(transformers, name, None) if isinstance(name, str) else None
    return found if isinstance(found, type) else None


def _class_of(purpose: str, config: PretrainedConfig) -> type[Any]:
    found = _find(purpose, config)
    assert found is not None
    return found


def _names(purpose: str) -> Mapping[str, Any]:
    """The names of transformers' classes for a purpose, by type of model; "" are the layers alone."""
    from transformers.models.auto import modeling_auto

    found: Mapping[str, Any] = getattr(modeling_auto, f"MODEL_{f'FOR_{purpose}_' if purpose else ''}MAPPING_NAMES")
    return found


def _body() -> type[Any]:
    from transformers import AutoModel

    return AutoModel
