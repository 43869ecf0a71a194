"""The network of Yang et al. 2016: the words of each sentence, then the sentences of the document, both by attention.

Both levels do the same (eqs. 5-7 and 8-10): a GRU reads the row both ways; u = tanh(W h + b) is what a place offers to
be looked at by (the key), one learned context vector asks the same question of every row (the query: "what is an
informative word?"), and what is taken is h itself (the value). Both attentions are `attend`, in training too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule, Soft

UNKNOWN = 0  # the number of the word that stands for every word not in the vocabulary


@dataclass(frozen=True)
class Shape:
    """How wide the network is: words, embedding, one direction of each GRU, what is compared (u), and the classes."""

    words: int
    embedding: int = 64
    hidden: int = 50
    compared: int = 64
    classes: int = 2


@dataclass(frozen=True)
class Dropped:
    """What is left out at random in training: whole words (read as unknown), and parts of the vectors."""

    words: float = 0.0
    embedding: float = 0.0
    hidden: float = 0.0


class Level(nn.Module):
    """One level: h, u and the context vector."""

    def __init__(self, width: int, hidden: int, compared: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * hidden, compared)
        self.context = nn.Parameter(torch.empty(compared).uniform_(-1, 1) * compared**-0.5)

    def states(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """h of each place: rows [row, place, width] of these lengths -> [row, place, 2 hidden], 0 after a row's end."""
        packed = pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=rows.shape[1])[0]

    def look(self, states: Tensor, allowed: Tensor | None, rule: Rule, *, queries: int = 1) -> Attention:
        """The context vector asks `queries` times: states [*, place, 2 hidden], allowed [*, query, place]."""
        keys = torch.tanh(self.project(states))
        asking = self.context.expand(*keys.shape[:-2], queries, -1)
        return attend(asking, keys, states, rule=rule, allowed=allowed, scale=1.0)


class Network(nn.Module):
    """Words to sentences to the document to its class."""

    def __init__(self, shape: Shape, dropped: Dropped | None = None) -> None:
        super().__init__()
        self.shape, self.dropped = shape, dropped or Dropped()
        self.embedding = nn.Embedding(shape.words, shape.embedding)
        self.words = Level(shape.embedding, shape.hidden, shape.compared)
        self.sentences = Level(2 * shape.hidden, shape.hidden, shape.compared)
        self.classify = nn.Linear(2 * shape.hidden, shape.classes)

    def word_states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """h_it of padded sentences: ids [sentence, word] -> [sentence, word, 2 hidden]."""
        if self.training and self.dropped.words:
            ids = ids.masked_fill(torch.rand(ids.shape) < self.dropped.words, UNKNOWN)
        vectors = nn.functional.dropout(self.embedding(ids), self.dropped.embedding, self.training)
        return self._thinned(self.words.states(vectors, lengths))

    def sentence_states(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """h_i of padded documents: vectors s_i [document, sentence, 2 hidden] -> the same shape."""
        return self._thinned(self.sentences.states(vectors, lengths))

    def forward(self, ids: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
        """Scores [document, class] of many documents at once.

        `ids` [sentence, word] are all their sentences one after the other, `lengths` [sentence] the words of each,
        `counts` [document] the sentences of each.
        """
        words = self.words.look(self.word_states(ids, lengths), before(lengths, ids.shape[1])[:, None], Soft())
        vectors = nn.utils.rnn.pad_sequence(words.output[:, 0].split(counts.tolist()), batch_first=True)
        states = self.sentence_states(vectors, counts)
        document = self.sentences.look(states, before(counts, states.shape[1])[:, None], Soft()).output[:, 0]
        return self.classified(self._thinned(document))

    def classified(self, document: Tensor) -> Tensor:
        """Scores [*, class] of document vectors [*, 2 hidden]: eq. 11 before its softmax."""
        scores: Tensor = self.classify(document)
        return scores

    def _thinned(self, vectors: Tensor) -> Tensor:
        return nn.functional.dropout(vectors, self.dropped.hidden, self.training)


def before(lengths: Tensor, longest: int) -> Tensor:
    """Which places lie inside rows of these lengths? [row, place], True inside."""
    return torch.arange(longest) < lengths[:, None]
