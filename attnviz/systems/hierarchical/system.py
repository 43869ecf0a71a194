"""Hierarchical attention (Yang et al. 2016): which words make the sentence, and which sentences the document?

system = av.load("han-reviews")
trace = system.read("A dull film. But the music is wonderful!")
trace.weights(0, 0)                    # [sentence, word]: each sentence looks at its own words
trace.map("sentences").weights(0, 0)   # [1, sentence]: the document looks at its sentences
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Sentences
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import TextError
from attnviz.systems.hierarchical import NAMES
from attnviz.systems.hierarchical.network import UNKNOWN, Network, Shape
from attnviz.systems.hierarchical.text import WORDS, Span, entry, sentences
from attnviz.text.labels import visible
from attnviz.text.tokens import check_size, clean
from attnviz.trace import Trace

__all__ = ["NAMES", "Coloured", "Hierarchical", "Pieces", "colour", "held_out", "load", "own_words", "samples"]

MOST_SENTENCES, MOST_WORDS = 128, 3_000  # what is read of a document; the longest review has 112 and 2,814
LONGEST_WORD = 20  # characters
BESIDE = 16  # sentences read beside each other, so that one very long one does not widen all the others
DOCUMENT = {"en": "document", "zh": "全文"}
LABEL = {"en": 16, "zh": 7}  # characters of a sentence that its label shows


@dataclass(frozen=True)
class Pieces:
    """A document cut up: character spans of its sentences, and of each sentence's words with their numbers.

    `cut` is how many characters were read where a limit stopped the reading, None where all were.
    """

    text: str
    sentences: tuple[Span, ...]
    words: tuple[tuple[Span, ...], ...]
    ids: tuple[tuple[int, ...], ...]
    cut: int | None

    @property
    def known(self) -> float:
        """The share of the words that the vocabulary has."""
        ids = [number for row in self.ids for number in row]
        return sum(number != UNKNOWN for number in ids) / len(ids)


@dataclass(frozen=True)
class Coloured:
    """One sentence with what it gets: its own weight, and for each word its weight within the sentence."""

    span: Span
    weight: float
    words: tuple[Span, ...]
    word_weights: tuple[float, ...]

    @property
    def products(self) -> tuple[float, ...]:
        """Word weight x sentence weight: all of a document's sum to 1 under the softmax, since both levels do."""
        return tuple(self.weight * weight for weight in self.word_weights)


@dataclass(frozen=True, eq=False)
class Hierarchical:
    """A trained network with its vocabulary. `language` is that of its words, `classes` what it tells apart."""

    name: str
    network: Network
    numbers: Mapping[str, int]
    language: str
    classes: tuple[str, ...]
    lines_only: bool
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    def pieces(self, text: str) -> Pieces:
        """The sentences of a document and the words of each, as far as the limits allow.

        A line end ends a sentence, and so do marks; in a model of dialogues (`lines_only`) and a text of several lines,
        a line is an utterance and marks end nothing. Raises `TextError` for a text that is empty, too long, or has no
        known word.
        """
        text = clean(text)
        if not text.strip():
            raise TextError("text_empty")
        check_size(text)
        found = self._cut(text)
        if not any(number != UNKNOWN for row in found.ids for number in row):
            raise TextError("hierarchical_nothing_known", model=self.name)
        return found

    def _cut(self, text: str) -> Pieces:
        """Sentence by sentence until a limit is reached."""
        lines = self.lines_only and len([line for line in text.splitlines() if line.strip()]) > 1
        rows, words = list[Span](), list[tuple[Span, ...]]()
        left, cut = MOST_WORDS, None
        for start, end in sentences(text, lines_only=lines):
            if len(rows) == MOST_SENTENCES or not left:
                cut = rows[-1][1]
                break
            stop = min(end, start + LONGEST_WORD * left)  # no need to cut up what will not be read
            found = [(start + a, start + b) for a, b in WORDS[self.language](text[start:stop])]
            if not found:
                continue
            kept = found[:left]
            cut = kept[-1][1] if len(kept) < len(found) or stop < end else None
            rows.append((start, cut or end))
            words.append(tuple(kept))
            left -= len(kept)
            if cut:
                break
        ids = tuple(tuple(self.numbers.get(entry(text[a:b]), UNKNOWN) for a, b in row) for row in words)
        return Pieces(text, tuple(rows), tuple(words), ids, cut)

    @torch.no_grad()
    def read(self, text: str, rule: Rule | None = None) -> Trace:
        """Read a document: the map "words" [sentence, word] and in `others` "sentences" [document, sentence].

        The rule acts in both levels while computing (soft unless given). The outputs of "words" are the sentence
        vectors s_i, that of "sentences" is the document vector v, from which its `logits` [1, class] come.
        """
        pieces, rule = self.pieces(text), Soft() if rule is None else rule
        words = self.look_at_words(pieces.ids, rule)
        above = self.look_at_sentences(words.output[0], rule)
        rows = self._rows(pieces)
        sentence_map = Trace(
            self._document(pieces), rows, (above,), model=self.name, kind="hierarchical", rule=rule,
            outputs=above.output[0],
            logits=self.network.classified(above.output[0]), name_piece=self.classes.__getitem__, part="sentences",
        )  # fmt: skip
        return Trace(
            rows, _columns(pieces), (words,), model=self.name, kind="hierarchical", rule=rule,
            outputs=words.output[0], part="words", others={"sentences": sentence_map},
            name_piece=self.classes.__getitem__,
        )  # fmt: skip

    def look_at_words(self, ids: Sequence[Sequence[int]], rule: Rule, *, first: int = 0) -> Attention:
        """The lower level `[1, sentence, ...]`: u_w asks once for each sentence, of all words; it may look at its own.

        `ids` are the words of each sentence, `first` the number of the first sentence in its document.
        """
        starts = range(0, len(ids), BESIDE)
        states = torch.cat([h for start in starts for h in self._states(ids[start : start + BESIDE])])
        allowed = own_words([len(row) for row in ids])
        return self.network.words.look(states[None], allowed, rule.at(0, 0, first), queries=len(ids))

    def _states(self, rows: Sequence[Sequence[int]]) -> list[Tensor]:
        """h_it of some sentences, [word, 2 hidden] for each."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        return [h[:length] for h, length in zip(self.network.word_states(ids, lengths), lengths.tolist(), strict=True)]

    def look_at_sentences(self, vectors: Float[Tensor, "*document sentence width"], rule: Rule) -> Attention:
        """The upper level `[*document, 1, 1, ...]`: u_s asks once, of the vectors s_i of one document or of several."""
        several = vectors if vectors.ndim == 3 else vectors[None]
        states = self.network.sentence_states(several, torch.full((len(several),), several.shape[1]))
        return self.network.sentences.look(states[:, None] if vectors.ndim == 3 else states, None, rule.at(0))

    def _document(self, pieces: Pieces) -> Sentences:
        """The document as the one place that looks at the sentences."""
        span = (pieces.sentences[0][0], pieces.sentences[-1][1])
        return Sentences(pieces.text, (DOCUMENT[self.language],), (span,), pieces.cut, unit="document")

    def _rows(self, pieces: Pieces) -> Sentences:
        """The sentences as they are labelled."""
        labels = [_label(pieces.text, span, number, self.language) for number, span in enumerate(pieces.sentences, 1)]
        return Sentences(pieces.text, tuple(labels), pieces.sentences, pieces.cut)


def _label(text: str, span: Span, number: int, language: str) -> str:
    """A sentence by its number and how it begins."""
    most = LABEL[language]
    shown = visible(" ".join(text[slice(*span)].split())[: most + 1]).replace("␣", " ")
    start = shown if len(shown) <= most else shown[:most].rstrip() + "…"
    return f"{number} {start}"


def _columns(pieces: Pieces) -> Sentences:
    """All words of the document in order; one that the model does not know keeps its face, as in [UNK:龘]."""
    spans = [span for row in pieces.words for span in row]
    ids = tuple(number for row in pieces.ids for number in row)
    faces = [visible(pieces.text[slice(*span)]) for span in spans]
    labels = [face if number != UNKNOWN else f"[UNK:{face}]" for face, number in zip(faces, ids, strict=True)]
    return Sentences(pieces.text, tuple(labels), tuple(spans), pieces.cut, unit="word")


def own_words(counts: Sequence[int]) -> Bool[Tensor, "sentence word"]:
    """Which words may each sentence look at? Its own: True in a block for each sentence.

    >>> own_words([1, 2]).int()
    tensor([[1, 0, 0],
            [0, 1, 1]], dtype=torch.int32)
    """
    owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return owner == torch.arange(len(counts))[:, None]


def colour(trace: Trace) -> list[Coloured]:
    """How strongly is each sentence and each word to be coloured? The two levels of one `read`.

    The paper colours a word by sqrt(p_s) p_w (sec. 3.4), so that words of unimportant sentences stay visible; here it
    is p_s p_w, the weight that the word has in the document.
    """
    below, above = trace.map("words"), trace.map("sentences")
    weights, of_sentences = below.weights(0, 0), above.weights(0, 0)[0]
    assert isinstance(below.queries, Sentences) and isinstance(below.keys, Sentences)
    ends = [0, *accumulate(own.sum().item() for own in _blocks(below))]
    found = []
    for number, span in enumerate(below.queries.spans):
        own = slice(int(ends[number]), int(ends[number + 1]))
        words, shares = below.keys.spans[own], tuple(weights[number, own].tolist())
        found.append(Coloured(span, of_sentences[number].item(), words, shares))
    return found


def _blocks(below: Trace) -> Bool[Tensor, "sentence word"]:
    """The mask of the lower level."""
    allowed = below.attention(0, 0).allowed
    assert allowed is not None
    return allowed


@cache
def load(name: str) -> Hierarchical:
    """The network of that name ("han-reviews", "han-topics") or folder. Raises `ModelError` where there is none."""
    folder = shipped.folder(name)
    config = shipped.config(folder)
    with shipped.damaged(folder):
        network = Network(Shape(**{field.name: config[field.name] for field in fields(Shape)}))
        network.load_state_dict(shipped.tensors(folder))
        words = (folder / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return Hierarchical(
            folder.name, network.eval().requires_grad_(False), {word: number for number, word in enumerate(words)},
            config["language"], tuple(config["class_names"]), config["lines_only"], shipped.licence(folder),
        )  # fmt: skip


def held_out(name: str) -> dict[str, Any]:
    """What `python -m attnviz.training.hierarchical.card` found of a network's held-out documents."""
    return shipped.figures(name)


def samples(name: str) -> tuple[dict[str, Any], ...]:
    """Held-out documents: `name`, `about`, `text`, `class`, `probabilities`, `licence` and `source` of each."""
    return shipped.samples(name)
