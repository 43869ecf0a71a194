"""The networks of the translation system: recurrent encoder and decoder, with additive attention or without.

After Bahdanau, Cho and Bengio 2015 (arXiv 1409.0473), section 3 and appendix A, with PyTorch's gated recurrent units:

    h_j = [forward h_j; backward h_j]                 annotations, eq. 7
    e_ij = v.tanh(W s_{i-1} + U h_j)                  energies, appendix A.1.2
    a_ij = softmax over j of e_ij                     weights, eq. 6
    c_i = sum over j of a_ij h_j                      context, eq. 5
    s_i = GRU([E y_{i-1}; c_i], s_{i-1})              decoder states, appendix A.2.2
    p(y_i) = softmax(E_out tanh(L [s_i; E y_{i-1}; c_i]) + b)    (a tanh instead of the maxout of appendix A.2.2)

Without attention c_i is the same at each step: the encoder's last state in each direction (Cho et al. 2014;
Sutskever et al. 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule
from attnviz.core.similarity import Additive
from attnviz.systems.translation.text import PAD


@dataclass(frozen=True, eq=False)
class Prepared(Additive):
    """v.tanh(W q + u) for keys u = U h made beforehand: what `Additive` gives, U h not computed anew at each step."""

    @property
    def widths(self) -> tuple[int, int]:
        return self.query_weight.shape[1], self.key_weight.shape[0]

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return torch.tanh((queries @ self.query_weight.T)[..., :, None, :] + keys[..., None, :, :]) @ self.vector


@dataclass(frozen=True)
class Shape:
    """The sizes of a network: vocabularies, embedding, encoder state in each direction, decoder state, inner widths."""

    source: int
    target: int
    attention: bool
    embedding: int = 128
    encoder: int = 128
    decoder: int = 224
    inner: int = 128
    dropout: float = 0.25


class Translator(nn.Module):
    """Encoder and decoder. `attention` False leaves out W, U and v, nothing else."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, annotation = shape, 2 * shape.encoder
        self.source = nn.Embedding(shape.source, shape.embedding, padding_idx=PAD)
        self.target = nn.Embedding(shape.target, shape.embedding, padding_idx=PAD)
        self.encoder = nn.GRU(shape.embedding, shape.encoder, batch_first=True, bidirectional=True)
        self.first = nn.Linear(shape.encoder, shape.decoder)
        self.decoder = nn.GRUCell(shape.embedding + annotation, shape.decoder)
        self.readout = nn.Linear(shape.decoder + shape.embedding + annotation, shape.embedding)
        self.bias = nn.Parameter(torch.zeros(shape.target))
        self.dropout = nn.Dropout(shape.dropout)
        if shape.attention:
            self.query_weight = nn.Parameter(torch.randn(shape.inner, shape.decoder) * shape.decoder**-0.5)
            self.key_weight = nn.Parameter(torch.randn(shape.inner, annotation) * annotation**-0.5)
            self.vector = nn.Parameter(torch.randn(shape.inner) * shape.inner**-0.5)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, std=shape.embedding**-0.5)

    @property
    def similarity(self) -> Additive:
        """How well a decoder state and an annotation fit: v.tanh(W s + U h)."""
        return Additive(self.query_weight, self.key_weight, self.vector)

    def read(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Annotations `[text, token, 2 encoder]`, the first decoder state and the fixed vector of source ids.

        The first state is tanh(W_s backward h_1), appendix A.2.2; the fixed vector `[text, 2 encoder]` the last state
        of each direction.
        """
        packed = pack_padded_sequence(self.dropout(self.source(ids)), lengths, batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        annotations, _ = pad_packed_sequence(outputs, batch_first=True, total_length=ids.shape[1])
        return annotations, torch.tanh(self.first(last[1])), torch.cat([last[0], last[1]], dim=-1)

    def look(self, states: Tensor, annotations: Tensor, rule: Rule, allowed: Tensor | None = None) -> Attention:
        """Which annotations do the decoder states `[..., query, decoder]` look at?"""
        return attend(states, annotations, annotations, rule=rule, allowed=allowed, similarity=self.similarity)

    def look_prepared(
        self, states: Tensor, prepared: Tensor, annotations: Tensor, rule: Rule, allowed: Tensor
    ) -> Attention:
        """The same with `prepared` = U h, `[text, token, inner]`; training takes half the time."""
        similarity = Prepared(self.query_weight, self.key_weight, self.vector)
        return attend(states, prepared, annotations, rule=rule, allowed=allowed, similarity=similarity)

    def step(self, embedded: Tensor, context: Tensor, state: Tensor) -> Tensor:
        """The next decoder state `[text, decoder]`."""
        found: Tensor = self.decoder(torch.cat([embedded, context], dim=-1), state)
        return found

    def logits(self, states: Tensor, embedded: Tensor, contexts: Tensor) -> Tensor:
        """The scores of the next piece `[..., target]`."""
        inner = torch.tanh(self.readout(torch.cat([states, embedded, contexts], dim=-1)))
        found: Tensor = self.dropout(inner) @ self.target.weight.T + self.bias
        return found
