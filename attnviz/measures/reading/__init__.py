"""Ways of reading attention, each with its paper, over plain tensors: what they claim is in their docstrings, and what
they leave out. What runs a model for them is in `attnviz.attributions`.
"""

from attnviz.measures.reading.agreement import Agreement, agreement
from attnviz.measures.reading.alti import alti, closeness, closeness_of_heads, turned
from attnviz.measures.reading.copying import copied, raised
from attnviz.measures.reading.flow import flow, max_flow
from attnviz.measures.reading.lens import logit_lens
from attnviz.measures.reading.moved import by_unit, moved_weight
from attnviz.measures.reading.norms import (
    contributions,
    lengths,
    mixing_ratio,
    normed,
    norms,
    own_parts,
    spread,
    through_norm,
    with_residual,
)
from attnviz.measures.reading.relevance import (
    Relevances,
    gradient_times_attention,
    normalised_relevance,
    relevance,
    relevance_across,
)
from attnviz.measures.reading.rollout import frozen, heads_together, rollout, rows_to_one, with_identity

__all__ = [
    "Agreement",
    "Relevances",
    "agreement",
    "alti",
    "by_unit",
    "closeness",
    "closeness_of_heads",
    "contributions",
    "copied",
    "flow",
    "frozen",
    "gradient_times_attention",
    "heads_together",
    "lengths",
    "logit_lens",
    "max_flow",
    "mixing_ratio",
    "moved_weight",
    "normalised_relevance",
    "normed",
    "norms",
    "own_parts",
    "raised",
    "relevance",
    "relevance_across",
    "rollout",
    "rows_to_one",
    "spread",
    "through_norm",
    "turned",
    "with_identity",
    "with_residual",
]
