"""The Decision Transformer (Chen et al. 2021): a return, a state, an action at each step, read as a text is.

    R_t = w_R r_t + e(t),   s_t = W_s state_t + e(t),   a_t = W_a action_t + e(t)       sec. 3, algorithm 1
    tokens = layer norm of (R_0, s_0, a_0, R_1, s_1, a_1, ...)
    layers of causal attention and a small network, each on the normed tokens and added to them (GPT-2)
    what is done at step t is read off the token s_t, which sees R_0 ... R_t, s_0 ... s_t, a_0 ... a_(t-1)

Names and shapes of the weights are those of transformers' `DecisionTransformerModel`, whose folders are read as they
are (`tests/parity/acting/test_decision.py` compares the two).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.causal import CausalMask
from attnviz.core.rules import Rule

KINDS = ("return", "state", "action")  # the tokens of a step, in order
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "gelu_new": lambda: nn.GELU(approximate="tanh"), "silu": nn.SiLU,
    "tanh": nn.Tanh,
}  # fmt: skip
Change = Callable[[Attention, int], Attention]  # a call of `attend` as it shall be, in a layer


@dataclass(frozen=True)
class Shape:
    """The sizes of a Decision Transformer, by the names of transformers' configuration."""

    state_dim: int
    act_dim: int
    hidden_size: int = 128
    max_ep_len: int = 4096
    n_layer: int = 3
    n_head: int = 1
    n_inner: int | None = None
    action_tanh: bool = True
    activation_function: str = "relu"
    layer_norm_epsilon: float = 1e-5
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    resid_pdrop: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """What a configuration says; what it leaves out is as in transformers. Raises `ValueError`, `TypeError`."""
        usual = {"state_dim": 17, "act_dim": 4}
        own = {name: config[name] for name in cls.__dataclass_fields__ if name in config and name != "resid_pdrop"}
        found = cls(**(usual | own))
        if found.activation_function not in ACTIVATIONS or config.get("add_cross_attention"):
            raise ValueError(f"a Decision Transformer with {found.activation_function}")
        sizes = (found.state_dim, found.act_dim, found.hidden_size, found.max_ep_len, found.n_layer, found.n_head)
        if not all(isinstance(one, int) and one > 0 for one in sizes) or found.hidden_size % found.n_head:
            raise ValueError(f"a Decision Transformer of the sizes {sizes}")
        return found

    def scale(self, layer: int) -> float:
        """What products are multiplied by in a layer."""
        found = (self.hidden_size // self.n_head) ** -0.5 if self.scale_attn_weights else 1.0
        return found / (layer + 1) if self.scale_attn_by_inverse_layer_idx else found


class Past(NamedTuple):
    """What is known of an episode: as many returns, states and times; actions as many, or one fewer."""

    returns: Float[Tensor, "*batch step 1"]
    states: Float[Tensor, "*batch step state"]
    actions: Float[Tensor, "*batch act action"]
    times: Int64[Tensor, "*batch step"]


class Linear(nn.Module):
    """A linear map whose weight lies as GPT-2 has it: `[in, out]`."""

    def __init__(self, wide: int, out: int, std: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(wide, out) * std)
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, given: Tensor) -> Tensor:
        flat: Tensor = torch.addmm(self.bias, given.flatten(0, -2), self.weight)
        found: Tensor = flat.unflatten(0, given.shape[:-1])
        return found


class Looking(nn.Module):
    """The attention of a layer."""

    def __init__(self, shape: Shape, layer: int) -> None:
        super().__init__()
        self.heads, self.scale = shape.n_head, shape.scale(layer)
        self.c_attn = Linear(shape.hidden_size, 3 * shape.hidden_size)
        self.c_proj = Linear(shape.hidden_size, shape.hidden_size, 0.02 / (2 * shape.n_layer) ** 0.5)

    def forward(self, tokens: Float[Tensor, "*batch token width"], rule: Rule) -> Attention:
        """Each token looks at itself and at those before."""
        parts = self.c_attn(tokens).chunk(3, dim=-1)
        queries, keys, values = (one.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for one in parts)
        count = tokens.shape[-2]
        return attend(queries, keys, values, rule=rule, allowed=CausalMask(count, count), scale=self.scale)


class Inner(nn.Module):
    """The small network of a layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        wide = 4 * shape.hidden_size if shape.n_inner is None else shape.n_inner
        self.c_fc = Linear(shape.hidden_size, wide)
        self.c_proj = Linear(wide, shape.hidden_size, 0.02 / (2 * shape.n_layer) ** 0.5)
        self.act = ACTIVATIONS[shape.activation_function]()

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.c_proj(self.act(self.c_fc(tokens)))
        return found


class Layer(nn.Module):
    """One layer of GPT-2."""

    def __init__(self, shape: Shape, layer: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_epsilon) for _ in range(2))
        self.attn, self.mlp = Looking(shape, layer), Inner(shape)
        self.dropout = nn.Dropout(shape.resid_pdrop)

    def look(self, tokens: Tensor, rule: Rule) -> Attention:
        """Where the tokens look."""
        found: Attention = self.attn(self.ln_1(tokens), rule)
        return found

    def after(self, tokens: Tensor, looked: Attention) -> Float[Tensor, "*batch token width"]:
        """The tokens with what was seen, and with what the small network makes of it."""
        tokens = tokens + self.dropout(self.attn.c_proj(looked.output.transpose(-3, -2).flatten(-2)))
        added: Tensor = self.dropout(self.mlp(self.ln_2(tokens)))
        return tokens + added


class Encoder(nn.Module):
    """GPT-2 without its places: of its table of places the first alone is added, to every token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.h = nn.ModuleList(Layer(shape, number) for number in range(shape.n_layer))
        self.wpe = nn.Embedding(1, shape.hidden_size)
        self.ln_f = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_epsilon)


class Decider(nn.Module):
    """Tokens of returns, states and actions in, the scores of the actions out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, wide = shape, shape.hidden_size
        self.encoder = Encoder(shape)
        self.embed_timestep = nn.Embedding(shape.max_ep_len, wide)
        self.embed_return = nn.Linear(1, wide)
        self.embed_state = nn.Linear(shape.state_dim, wide)
        self.embed_action = nn.Linear(shape.act_dim, wide)
        self.embed_ln = nn.LayerNorm(wide)
        self.predict_action = nn.Sequential(nn.Linear(wide, shape.act_dim))

    def tokens(self, past: Past) -> Float[Tensor, "*batch token width"]:
        """The tokens of all steps in order; without the last action's where it is not known."""
        times, known = self.embed_timestep(past.times), past.actions.shape[-2]
        actions = self.embed_action(past.actions) + times[..., :known, :]
        if known < times.shape[-2]:
            actions = torch.cat([actions, torch.zeros_like(times[..., known:, :])], dim=-2)
        each = [self.embed_return(past.returns) + times, self.embed_state(past.states) + times, actions]
        found = torch.stack(each, dim=-2).flatten(-3, -2)
        normed: Tensor = self.embed_ln(found[..., : 2 * times.shape[-2] + known, :])
        return normed + self.encoder.wpe.weight[0]

    def forward(
        self, past: Past, rule: Rule, change: Change | None = None
    ) -> tuple[Float[Tensor, "*batch token width"], tuple[Attention, ...]]:
        """The last states of all tokens, and the calls of `attend` on the way."""
        tokens, calls = self.tokens(past), []
        for number, layer in enumerate(self.encoder.h):
            assert isinstance(layer, Layer)
            looked = layer.look(tokens, rule.at(number))
            looked = looked if change is None else change(looked, number)
            calls.append(looked)
            tokens = layer.after(tokens, looked)
        return self.encoder.ln_f(tokens), tuple(calls)

    def scores(self, tokens: Float[Tensor, "*batch token width"]) -> Float[Tensor, "*batch step action"]:
        """The scores of the actions at each step, from the last states of all tokens."""
        return self.actions(tokens[..., 1::3, :])

    def actions(self, tokens: Float[Tensor, "*batch token width"]) -> Float[Tensor, "*batch token action"]:
        """What some tokens, states unless for a picture's sake, say is to be done."""
        found: Tensor = self.predict_action(tokens)
        return found.tanh() if self.shape.action_tanh else found
