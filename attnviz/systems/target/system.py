"""Target attention: the queries come from one text, a question or a word; the keys and values from another.

`target-words` holds five ways to compare a query with a key (`similarity.py`), each with small projections of its own,
all trained on the same frozen states of lab-4 (`training/target.py`). One head, no mask: every token of the text may be
looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from attnviz.axes import Axis, Beside
from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule, Soft
from attnviz.core.similarity import Additive, Cosine, Dot, General, Similarity
from attnviz.errors import AttnvizError, TextError
from attnviz.models import Model
from attnviz.models import load as load_model
from attnviz.shipped import WEIGHTS
from attnviz.text.tokens import Encoded, encode, piece_label
from attnviz.trace import Trace

SIMILARITIES = ("dot", "scaled", "general", "additive", "cosine")
WHOLE = "[MEAN]"  # the row of the whole target: the mean of its tokens' states
MOST_TOKENS = 64  # of a target; a text is as long as the reader reads


def projection(width: int, inner: int, wide: int) -> nn.Sequential:
    """A small network with one hidden layer, from a state to a query, a key or a value."""
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, wide))


class Look(nn.Module):
    """One similarity with what it was trained with: projections to queries, keys and values, and a table of words.

    `width` is that of the states, `wide` that of queries, keys and values (d), `words` how many tokens the table has.
    """

    def __init__(self, name: str, *, width: int, inner: int, wide: int, words: int) -> None:
        super().__init__()
        if name not in SIMILARITIES:
            raise ValueError(f"a similarity is one of {SIMILARITIES}, not {name!r}")
        self.name, self.wide = name, wide
        self.query, self.key, self.value = (projection(width, inner, wide) for _ in range(3))
        self.words = nn.Parameter(torch.randn(words, wide) / math.sqrt(wide))
        if name == "general":
            self.weight = nn.Parameter(torch.eye(wide) / math.sqrt(wide))
        if name == "additive":
            self.query_weight, self.key_weight = (
                nn.Parameter(torch.randn(wide, wide) / math.sqrt(wide)) for _ in range(2)
            )
            self.vector = nn.Parameter(torch.randn(wide) / math.sqrt(wide))
        if name == "cosine":
            self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def similarity(self) -> Similarity:
        """How a query and a key are compared."""
        if self.name == "general":
            return General(self.weight)
        if self.name == "additive":
            return Additive(self.query_weight, self.key_weight, self.vector)
        if self.name == "cosine":
            return Sharpened(self.log_scale.exp()) if self.training else Cosine()
        return Dot()

    @property
    def scale(self) -> float:
        """What the products are multiplied by: 1/sqrt(d) for the scaled dot product, learned for the cosine, else 1."""
        if self.name == "cosine" and not self.training:
            return float(self.log_scale.detach().exp())
        return self.wide**-0.5 if self.name == "scaled" else 1.0

    def forward(self, target: Tensor, text: Tensor, *, rule: Rule) -> Attention:
        """States of the target `[..., query, width]` look at states of the text `[..., key, width]`."""
        return attend(
            self.query(target), self.key(text), self.value(text), rule=rule, scale=self.scale,
            similarity=self.similarity,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sharpened(Cosine):
    """The cosine times a `sharpness` that is being learned; `Attention.scale`, a plain number, learns nothing."""

    sharpness: Tensor

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return super().__call__(queries, keys) * self.sharpness


def states_of(model: Model, ids: Tensor, layers: Sequence[int]) -> Tensor:
    """What the reader makes of tokens `[text, token]`: states `[text, token, width]` of the layers, side by side.

    Layer 0 is the embedding, before any token has seen another. Each layer's state has mean 0 and variance 1. Read
    between [CLS] and [SEP], which are then left out.
    """
    first, last = (
        torch.full((len(ids), 1), int(i)) for i in (model.tokenizer.cls_token_id, model.tokenizer.sep_token_id)
    )
    with torch.no_grad():
        result = model.network(input_ids=torch.cat([first, ids, last], dim=1), output_hidden_states=True)
    chosen = [result.hidden_states[layer][:, 1:-1] for layer in layers]
    return torch.cat([F.layer_norm(state, state.shape[-1:]) for state in chosen], dim=-1)


@dataclass(frozen=True)
class TargetWords:
    """A loaded set of five similarities on one reader; never changed after loading.

    `known` are the tokens seen in training, ascending: "all", which are the rows of every table, and "en" and "zh".
    """

    name: str
    reader: Model
    states: tuple[int, ...]
    looks: Mapping[str, Look]
    known: Mapping[str, Tensor]

    def look(self, target: str, text: str, *, similarity: str = "scaled", rule: Rule | None = None) -> Trace:
        """What does each token of `target`, and their mean, look at in `text`?

        The trace's part is "cross": queries from the target, keys and values from the text, one layer of one head. The
        last row, [MEAN], is the whole target; a target of one token has none. `outputs` are the vectors that are taken
        from the text `[query, d]`. A text longer than the reader reads is cut (`Trace.looked_at.cut`).

        Raises `TextError` where one of the two is empty or cannot be read, `AttnvizError` for a similarity that is not
        there.

        >>> load("target-words").look("dog", "狗在睡觉").key_tokens
        ['狗', '在', '睡', '觉']
        """
        if similarity not in self.looks:
            raise AttnvizError("no_such_similarity", similarity=similarity, known=", ".join(self.looks))
        if not target.strip():
            raise TextError("target_empty")
        if not text.strip():
            raise TextError("target_text_empty")
        asks, says = self.read(target, MOST_TOKENS + 2), self.read(text, self.reader.limit)
        chosen = Soft() if rule is None else rule
        found = self.attention(asks.ids, says.ids, similarity, chosen.at(0))
        return Trace(
            _with_mean(asks), says, (found,), model=self.name, kind="target", rule=chosen, outputs=found.output[0],
            part="cross",
            name_piece=partial(piece_label, tokenizer=self.reader.tokenizer),
        )  # fmt: skip

    def attention(self, target: Sequence[int], text: Sequence[int], similarity: str, rule: Rule) -> Attention:
        """The one head `[1, query, key]`; the last query is the mean of the target, where it has two tokens or more."""
        asks, says = (states_of(self.reader, torch.tensor([ids]), self.states) for ids in (target, text))
        if len(target) > 1:
            asks = torch.cat([asks, asks.mean(1, keepdim=True)], dim=1)
        with torch.no_grad():
            found: Attention = self.looks[similarity](asks, says, rule=rule)
        return found

    def read(self, text: str, limit: int | None) -> Encoded:
        """The text as the reader cuts it, without [CLS] and [SEP]."""
        whole = encode(text, self.reader.tokenizer, limit)
        kept = [place for place, special in enumerate(whole.special) if not special]
        ids, labels, spans = (tuple(part[n] for n in kept) for part in (whole.ids, whole.labels, whole.spans))
        return Encoded(whole.text, ids, labels, spans, (False,) * len(kept), whole.cut)  # type: ignore[arg-type]

    def nearest(
        self, output: Tensor, *, similarity: str, language: str = "all", top: int = 6
    ) -> list[tuple[str, float]]:
        """Which words does an output `[d]` stand for? The nearest of the table with their cosines.

        The table was trained with the similarity: what a token takes from the text had to be nearest to that token.
        `language` is "en", "zh" or "all". None where a rule kept no weight.
        """
        if not bool(output.any()):
            return []
        ids = self.known[language]
        ids = ids[~torch.isin(ids, torch.tensor(self.reader.tokenizer.all_special_ids))]
        table = self.looks[similarity].words.detach()[torch.searchsorted(self.known["all"], ids)]
        best = F.cosine_similarity(output[None], table).topk(min(top, len(ids)))
        pieces = [piece_label(int(ids[place]), self.reader.tokenizer) for place in best.indices]
        return list(zip(pieces, best.values.tolist(), strict=True))


def _with_mean(target: Encoded) -> Axis:
    """The target with the row of its mean, where it has two tokens or more."""
    return target if len(target) < 2 else Beside(target, (WHOLE,))


@cache
def load(name: str = "target-words") -> TargetWords:
    """The shipped weights of that name, in float32, with the reader whose states they were trained on."""
    folder = WEIGHTS / name
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "model.safetensors")
    reader, states = load_model(config["reader"]), tuple(config["states"])
    known = {key.removeprefix("known."): t.long() for key, t in tensors.items() if key.startswith("known.")}
    width = int(reader.network.config.hidden_size) * len(states)
    looks = {}
    for similarity in SIMILARITIES:
        look = Look(similarity, width=width, inner=config["inner"], wide=config["wide"], words=len(known["all"]))
        own = {
            k.removeprefix(f"{similarity}."): t.float() for k, t in tensors.items() if k.startswith(f"{similarity}.")
        }
        look.load_state_dict(own)
        looks[similarity] = look.eval().requires_grad_(False)
    return TargetWords(name, reader, states, looks, known)
