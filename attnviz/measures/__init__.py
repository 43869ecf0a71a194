"""Numbers drawn from a trace: how spread out weights are, what heads do and how they differ, what a change did."""

from attnviz.measures.diversity import head_distances, mean_head_distance
from attnviz.measures.effect import moved, prediction_change, word_numbers, word_spans, words
from attnviz.measures.entropy import entropy, normalised
from attnviz.measures.habits import HABITS, Habit, habit_shares, habits, sink_share, strongest, targets

__all__ = [
    "HABITS",
    "Habit",
    "entropy",
    "habit_shares",
    "habits",
    "head_distances",
    "mean_head_distance",
    "moved",
    "normalised",
    "prediction_change",
    "sink_share",
    "strongest",
    "targets",
    "word_numbers",
    "word_spans",
    "words",
]
