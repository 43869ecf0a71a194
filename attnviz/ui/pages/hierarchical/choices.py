"""What the page on hierarchical attention asks: a network, a document, a sentence and a word of it; and its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_one,
    language,
    offer_samples,
    one_of,
    plain,
    runs,
    t,
)

if TYPE_CHECKING:
    from attnviz.systems.hierarchical.effect import Deletion
    from attnviz.systems.hierarchical.system import Coloured, Hierarchical
    from attnviz.trace import Trace

KEY = "hierarchical."
NETWORKS = ("han-reviews", "han-topics")
SAMPLES = 4  # of each network
HEAVIEST = -1  # the sentence or word with the largest weight, whichever that is
PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", None, one_of(*NETWORKS)),  # None: the one of the reader's language
    "sample": Param("sample", KEY + "sample", "0", one_of(*map(str, range(SAMPLES)))),
    "own": Param("text", KEY + "own", None, str),
    "sentence": Param("sentence", KEY + "sentence", HEAVIEST, between(HEAVIEST, 9_999, int)),
    "word": Param("word", KEY + "word", HEAVIEST, between(HEAVIEST, 99_999, int)),
}


@dataclass(frozen=True)
class Reading:
    """One document as a network read it, and what each sentence's deletion does."""

    system: Hierarchical
    trace: Trace
    known: float
    colours: list[Coloured]
    deletions: list[Deletion]

    @property
    def above(self) -> Trace:
        """The map of the sentences."""
        return self.trace.map("sentences")

    @property
    def heaviest(self) -> int:
        """The most attended sentence."""
        return max(range(len(self.colours)), key=lambda place: self.colours[place].weight)

    @property
    def lightest(self) -> int:
        """The least attended sentence."""
        return min(range(len(self.colours)), key=lambda place: self.colours[place].weight)

    def first_word(self, sentence: int) -> int:
        """The number in the document of a sentence's first word."""
        return sum(len(one.words) for one in self.colours[:sentence])


def state(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state.get(PARAMS[name].key)


def choose_model() -> str:
    """English reviews or Chinese dialogues. A sample gives way to the other network's, a text of one's own stays."""
    if state("model") is None:
        st.session_state[KEY + "model"] = NETWORKS[language() == "zh"]
    chosen = choose_one(
        PARAMS["model"], NETWORKS, t("hierarchical.model"), lambda name: t(f"hierarchical.{name}"),
        t("hierarchical.model_help"), _other_model,
    )  # fmt: skip
    return chosen if chosen in NETWORKS else NETWORKS[0]


def _other_model() -> None:
    """Another network: its own first sample where a sample was shown."""
    st.session_state[KEY + "sample"] = "0"
    _forget()


def _forget() -> None:
    """Sentence and word belong to the text they were chosen in."""
    st.session_state[KEY + "sentence"] = st.session_state[KEY + "word"] = HEAVIEST


def choose_document(model: str) -> str:
    """The text box, and held-out documents to fill it with."""
    found, own = samples(model), state("own")
    place = min(int(state("sample")), len(found) - 1)
    text = found[place]["text"] if own is None else str(own)
    st.session_state[KEY + "box"] = text
    st.session_state[KEY + "pill"] = place if own is None else None
    offer_samples(
        KEY + "pill", range(len(found)), _take_sample, label=t("hierarchical.samples"),
        format_func=lambda place: _sample_name(found, place), help=t("hierarchical.samples_help"),
    )  # fmt: skip
    st.text_area(
        t("hierarchical.text"), key=KEY + "box", height=168, on_change=_take_text,
        placeholder=t("hierarchical.placeholder"), help=t(f"hierarchical.text_help_{model}"),
    )  # fmt: skip
    if own is None:
        names = {name: plain(found[place][name]) for name in ("name", "source", "licence")}
        st.caption(t("hierarchical.sample_from", label=class_name(found[place]["class"]), **names))
    return text


def _sample_name(found: Sequence[dict[str, Any]], place: int) -> str:
    """A sample by its class and what it is about; the one that is told wrong says so."""
    sample = found[place]
    name = class_name(sample["class"])
    if sample["about"]:
        name += f" · {sample['about'][:12]}"
    return name if sample["right"] else t("hierarchical.sample_wrong", name=name)


def _take_sample(chosen: int) -> None:
    """A sample was clicked."""
    st.session_state[KEY + "sample"] = str(chosen)
    st.session_state[KEY + "own"] = None
    _forget()


def _take_text() -> None:
    """The text was changed."""
    st.session_state[KEY + "own"] = st.session_state[KEY + "box"]
    _forget()


@st.cache_data(max_entries=2, show_spinner=False)  # the shipped documents of two networks: some 100 kB
def samples(model: str) -> list[dict[str, Any]]:
    """The held-out documents of a network, each with whether its class is told right."""
    from attnviz.systems.hierarchical import system

    classes = system.load(model).classes
    found = system.samples(model)
    return [
        {**one, "right": classes[max(range(len(classes)), key=one["probabilities"].__getitem__)] == one["class"]}
        for one in found
    ]


def read(model: str, text: str, rule: RuleChoice) -> Reading:
    """The document as the network reads it with that rule in both levels. Raises `AttnvizError`."""
    with st.spinner(t("hierarchical.reading"), show_time=True):
        return _read(model, text, rule)


@runs.kept
def _read(model: str, text: str, rule: RuleChoice) -> Reading:
    """The same, kept for everyone who asks the same."""
    from attnviz.systems.hierarchical.effect import without_sentences
    from attnviz.systems.hierarchical.system import colour, load

    system = load(model)
    trace = system.read(text, rule=as_rule(rule))
    known = system.pieces(text).known
    return Reading(system, trace, known, colour(trace), without_sentences(system, trace))


@runs.kept
def without_word(model: str, text: str, rule: RuleChoice, word: int) -> Deletion | None:
    """What the network says without one word; None for a document of that word alone."""
    from attnviz.systems.hierarchical.effect import without_words

    reading = _read(model, text, rule)
    found = without_words(reading.system, reading.trace, reading.system.pieces(text), [word])
    return found[0] if found else None


def choose_sentence(reading: Reading) -> int:
    """Whose words are shown: the sentence chosen, else the most attended."""
    labels, heaviest = reading.trace.tokens, reading.heaviest
    _choose("sentence", labels, heaviest, _forget_word)
    return heaviest if state("sentence") == HEAVIEST else int(state("sentence"))


def _choose(name: str, labels: Sequence[str], heaviest: int, on_change: Callable[[], None] | None = None) -> None:
    """One of these by picker, or whichever has the largest weight."""
    if not HEAVIEST <= state(name) < len(labels):
        st.session_state[KEY + name] = HEAVIEST
    first = t("hierarchical.heaviest", name=labels[heaviest])
    st.selectbox(
        t(f"hierarchical.{name}"), range(HEAVIEST, len(labels)), key=KEY + name, on_change=on_change,
        format_func=lambda number: first if number == HEAVIEST else labels[number],
    )  # fmt: skip


def _forget_word() -> None:
    """A word belongs to its sentence."""
    st.session_state[KEY + "word"] = HEAVIEST


def choose_word(reading: Reading, sentence: int) -> int:
    """Whose numbers are shown: a word of the sentence, by its number there."""
    weights = reading.colours[sentence].word_weights
    heaviest = max(range(len(weights)), key=weights.__getitem__)
    first = reading.first_word(sentence)
    labels = reading.trace.key_tokens[first : first + len(weights)]
    _choose("word", [f"{place} {label}" for place, label in enumerate(labels, 1)], heaviest)
    return heaviest if state("word") == HEAVIEST else int(state("word"))


def class_name(name: str) -> str:
    """A class in the reader's language."""
    return t(f"hierarchical.class_{name}")
