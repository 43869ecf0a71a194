"""Translation with recurrent networks and additive attention: Bahdanau, Cho and Bengio 2015, arXiv 1409.0473.

The queries are the decoder's states s_{i-1}, the keys and values the encoder's annotations h_j; nothing is masked. Row
i of the map are the weights with which token i of the translation was written; the equations stand in
`network.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft, at_least_float32
from attnviz.core.similarity import Additive
from attnviz.errors import ModelError
from attnviz.systems.translation import NAMES
from attnviz.systems.translation.network import Shape, Translator
from attnviz.systems.translation.text import BEGIN, END, PAD, UNKNOWN, Vocabulary
from attnviz.text.tokens import Encoded
from attnviz.trace import Gap, Trace

__all__ = ["NAMES", "System", "Uniform", "load", "so_far", "surprise", "terms"]

MOST = 80  # tokens of a translation
NEVER = [PAD, UNKNOWN, BEGIN]  # what is never written


@dataclass(frozen=True)
class Uniform(Rule):
    """What if every key counted the same? Each allowed key gets 1 / (number of allowed keys), whatever its score.

    >>> Uniform().weigh(torch.tensor([[-2.0, 0.0, 0.5, -torch.inf]]))
    tensor([[0.3333, 0.3333, 0.3333, 0.0000]])
    """

    def weigh(self, scores: Tensor) -> Tensor:
        allowed = (scores > -torch.inf).to(at_least_float32(scores).dtype)
        return allowed / allowed.sum(-1, keepdim=True).clamp_min(1)


@dataclass(frozen=True)
class System:
    """A trained model that translates from `source` to `target`; never changed after loading."""

    name: str
    network: Translator
    source: Vocabulary
    target: Vocabulary
    licence: str | None = None

    @property
    def attends(self) -> bool:
        """Has it attention, or one fixed vector?"""
        return self.network.shape.attention

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    def read(self, text: str, *, rule: Rule | None = None, target: str | None = None) -> Trace:
        """What is `text` in the other language, or how is `target` read as its translation? (`translate`)"""
        return self.translate(text, rule=rule, target=target)

    def translate(
        self,
        text: str,
        *,
        rule: Rule | None = None,
        uniform: bool = False,
        most: int | None = None,
        target: str | None = None,
        progress: Callable[[Trace], object] | None = None,
    ) -> Trace:
        """What is `text` in the other language, and where did the decoder look for each token of it?

        The likeliest token is taken at each step, until the end or `most` of them (twice the source and 10, at most
        80). `rule` acts at each step (soft unless given), `uniform` gives every source token the same weight; both
        change what is written. With `target` that text is read instead of one being written. `progress` is told the
        trace after each token.

        The trace's part is "cross": queries are the tokens written (`encoded`), keys those of the text (`looked_at`),
        `logits` of a token are those it was chosen from. A model without attention has a `Gap` for its layer. Raises
        `TextError` for a text that cannot be read, `ModelError` for a rule where there is no attention.

        >>> load("nmt-zh-en").translate("我喜欢你。").text
        'I like you.'
        """
        chosen: Rule = Uniform() if uniform else Soft() if rule is None else rule
        if not self.attends and chosen != Soft():
            raise ModelError("model_without_attention", model=self.name, kind="GRU")
        read = self.source.read(text)
        forced = None if target is None else self.target.read(target, MOST)
        limit = min(MOST, 2 * len(read.ids) + 10 if most is None else most) if forced is None else len(forced.ids)
        writer = _Writer(self, read, chosen, forced)
        with torch.inference_mode():
            while len(writer.ids) < limit and writer.ids[-1:] != [END]:
                writer.step()
                if progress is not None:
                    progress(writer.trace())
            return writer.trace()


@dataclass
class _Writer:
    """A translation being written: what was read, and of each step the state before and after it, and its logits."""

    system: System
    read: Encoded
    rule: Rule
    forced: Encoded | None
    ids: list[int] = field(default_factory=list)
    before: list[Tensor] = field(default_factory=list)
    after: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = torch.tensor([self.read.ids])
        with torch.inference_mode():
            self.annotations, self.state, self.fixed = self.system.network.read(ids, torch.tensor([ids.shape[1]]))

    def step(self) -> None:
        """Write one more token."""
        network, number = self.system.network, len(self.ids)
        embedded = network.target(torch.tensor([self.ids[-1] if self.ids else BEGIN]))
        context = self.fixed
        if self.system.attends:
            found = network.look(self.state[None], self.annotations, self.rule.at(0, 0, number))
            context = found.output[0]
        self.before.append(self.state[0])
        self.state = network.step(embedded, context, self.state)
        logits = network.logits(self.state, embedded, context)[0]
        logits[NEVER] = -torch.inf
        self.after.append(self.state[0])
        self.logits.append(logits)
        self.ids.append(int(logits.argmax()) if self.forced is None else self.forced.ids[number])

    def trace(self) -> Trace:
        """What has been recorded so far."""
        network = self.system.network
        layer: Attention | Gap = Gap("fixed_vector", "GRU")
        if self.system.attends:
            layer = network.look(torch.stack(self.before)[None], self.annotations, self.rule)
        return Trace(
            self._written(), self.read, (layer,), model=self.system.name, kind="translation", rule=self.rule,
            outputs=torch.stack(self.after), logits=torch.stack(self.logits), name_piece=self.system.target.name,
            part="cross",
        )  # fmt: skip

    def _written(self) -> Encoded:
        """The tokens of the translation so far."""
        return self.system.target.write(self.ids) if self.forced is None else self.forced.first(len(self.ids))


@cache
def load(name: str) -> System:
    """One of the models of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        network = Translator(Shape(**shipped.config(place)))
        network.load_state_dict(shipped.tensors(place))
        recipe = shipped.recipe(place)
        sides = [Vocabulary.read_folder(place, side, recipe[side]) for side in ("source", "target")]
        return System(name, network.eval().requires_grad_(False), sides[0], sides[1], shipped.licence(place))


def so_far(trace: Trace, count: int) -> Trace:
    """The same when `count` of its tokens had been written: what `progress` was told then."""
    layers = tuple(
        layer if isinstance(layer, Gap) else replace(layer, queries=layer.queries[:, :count]) for layer in trace.layers
    )
    assert trace.logits is not None
    return replace(
        trace, queries=trace.encoded.first(count), layers=layers, outputs=trace.outputs[:count],
        logits=trace.logits[:count],
    )  # fmt: skip


def surprise(trace: Trace) -> float:
    """How unlikely does the model think this translation? Bits for each of its tokens; infinite for one never said."""
    chances = [float(trace.probabilities(place)[number]) for place, number in enumerate(trace.encoded.ids)]
    return -sum(math.log2(chance) if chance else -math.inf for chance in chances) / len(chances)


def terms(trace: Trace, query: int, key: int) -> Float[Tensor, " inner"]:
    """Which hidden units make the energy e_ij? v * tanh(W s_{i-1} + U h_j), whose sum is the score.

    Raises `AttnvizError` where the trace has no attention, or not that query or key.
    """
    trace.cell(0, 0, query, key)
    found = trace.attention(0, 0)
    similarity = found.similarity
    assert isinstance(similarity, Additive)
    return similarity.vector * torch.tanh(
        similarity.query_weight @ found.queries[query] + similarity.key_weight @ found.keys[key]
    )
