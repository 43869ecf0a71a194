"""Target attention: the queries come from one text, a question or a word; the keys and values from another.

`target-words` holds five ways to compare a query with a key (`similarity.py`), each with small projections of its own,
all trained on the same frozen states of lab-4 (`training/target`). One head, no mask: every token of the text may be
looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Axis, Beside
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import AttnvizError, TextError
from attnviz.models import Model
from attnviz.models import load as load_model
from attnviz.systems.target import NAMES
from attnviz.systems.target.network import SIMILARITIES, Look, states_of
from attnviz.text.labels import piece_label
from attnviz.text.tokens import Encoded, encode
from attnviz.trace import Trace

__all__ = ["NAMES", "SIMILARITIES", "WHOLE", "Look", "TargetWords", "load", "states_of"]

WHOLE = "[MEAN]"  # the row of the whole target: the mean of its tokens' states
MOST_TOKENS = 64  # of a target; a text is as long as the reader reads


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
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained for all similarities; those of the reader are not among them."""
        return sum(one.numel() for look in self.looks.values() for one in look.parameters())

    def read(
        self, text: str, *, rule: Rule | None = None, target: str = "", similarity: str = "scaled"
    ) -> Trace:  # fmt: skip
        """What does `target`, a word or a question, look at in `text`? (`look`, which names the two in its order.)"""
        return self.look(target, text, similarity=similarity, rule=rule)

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
        asks, says = self.encode(target, MOST_TOKENS + 2), self.encode(text, self.reader.limit)
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

    def encode(self, text: str, limit: int | None) -> Encoded:
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
def load(name: str = NAMES[0]) -> TargetWords:
    """The shipped weights of that name, in float32, with the reader whose states they were trained on."""
    folder = shipped.folder(name)
    config, tensors = shipped.config(folder), shipped.tensors(folder)
    with shipped.damaged(folder):
        reader, states = load_model(config["reader"]), tuple(config["states"])
        known = {key.removeprefix("known."): t.long() for key, t in tensors.items() if key.startswith("known.")}
        width = int(reader.network.config.hidden_size) * len(states)
        sizes = {"width": width, "inner": config["inner"], "wide": config["wide"], "words": len(known["all"])}
        looks = {similarity: _opened(Look(similarity, **sizes), tensors) for similarity in SIMILARITIES}
    return TargetWords(name, reader, states, looks, known, shipped.licence(folder))


def _opened(look: Look, tensors: Mapping[str, Tensor]) -> Look:
    """One similarity with its own of all tensors."""
    begins = f"{look.name}."
    look.load_state_dict({key.removeprefix(begins): t for key, t in tensors.items() if key.startswith(begins)})
    return look.eval().requires_grad_(False)
