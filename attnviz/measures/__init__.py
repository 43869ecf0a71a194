"""Numbers drawn from a trace: how spread out weights are, what heads do and how they differ, what a change did."""

from attnviz.measures import listening as listening  # a room of its own: when a token was heard
from attnviz.measures import reading as reading  # a room of its own, `av.reading`
from attnviz.measures.answers import chosen
from attnviz.measures.detection import Found, Matched, covered, found, inside, matched, overlap
from attnviz.measures.diversity import head_distances, mean_head_distance
from attnviz.measures.effect import candidates, moved, prediction_change, word_numbers, word_spans, words
from attnviz.measures.entropy import entropy, normalised
from attnviz.measures.habits import HABITS, Habit, habit_shares, habits, sink_share, sink_shares, strongest, targets
from attnviz.measures.heads import ORDERS, Look, RankedHead, clearest_look, looks, ranked
from attnviz.measures.held import fit, spelled
from attnviz.measures.pairs import is_pair, pair_shares
from attnviz.measures.pictured import on_picture, picture_shares
from attnviz.measures.readings import (
    Lean,
    by_unit,
    held_words,
    lean,
    opinion,
    reading_bits,
    shuffled_bits,
    units_of,
)
from attnviz.measures.sides import Sides, consulted, sides
from attnviz.measures.sinks import sinks

__all__ = [
    "HABITS",
    "ORDERS",
    "Found",
    "Habit",
    "Lean",
    "Look",
    "Matched",
    "RankedHead",
    "Sides",
    "by_unit",
    "candidates",
    "chosen",
    "clearest_look",
    "consulted",
    "covered",
    "entropy",
    "fit",
    "found",
    "habit_shares",
    "habits",
    "head_distances",
    "held_words",
    "inside",
    "is_pair",
    "lean",
    "looks",
    "matched",
    "mean_head_distance",
    "moved",
    "normalised",
    "on_picture",
    "opinion",
    "overlap",
    "pair_shares",
    "picture_shares",
    "prediction_change",
    "ranked",
    "reading_bits",
    "shuffled_bits",
    "sides",
    "sink_share",
    "sink_shares",
    "sinks",
    "spelled",
    "strongest",
    "targets",
    "units_of",
    "word_numbers",
    "word_spans",
    "words",
]
