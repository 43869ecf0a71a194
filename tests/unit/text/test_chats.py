"""A chat on the map and in the reader: a colour and a name for each role, lines between what each one says."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from attnviz.export import csv, npz, page, reader_data
from attnviz.figures import heatmap
from attnviz.figures.paint.palette import ROLES
from attnviz.messages import LANGUAGES, say
from attnviz.selection import Selection, Style
from attnviz.text.chat import _owners
from attnviz.text.turns import Chat, turns_in
from attnviz.trace import Trace
from tests.unit.figures.kinds import of, read, seen

LABELS = ("<u>", "how", "are", "you", "</u>", "<a>", "fine", "</a>", "<t>", "4")
TURNS = (None, 0, 0, 0, None, None, 1, None, None, 2)


def chat() -> Trace:
    axis = replace(read(LABELS), special=tuple(turn is None for turn in TURNS))
    axis = replace(axis, chat=Chat(("user", "assistant", "tool"), TURNS))
    return replace(of(LABELS, [seen(torch.full((1, 10, 10), 0.1))]), queries=axis, keys=axis)


def strips(figure) -> dict:  # type: ignore[no-untyped-def, type-arg]
    found = {}
    for shape in figure.layout.shapes:
        if shape.line.color in ROLES.values():
            down = shape.xref == "paper"
            found[shape.line.color, down] = (shape.y0, shape.y1) if down else (shape.x0, shape.x1)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_strips_and_names_stand_over_what_each_role_says(language: str) -> None:
    figure = heatmap(chat(), layer=0, head=0, language=language)
    ends = {"user": (0.5, 3.5), "assistant": (5.5, 6.5), "": (8.5, 9.5)}
    assert strips(figure) == {(ROLES[role], side): ends[role] for role in ends for side in (True, False)}
    names = {note.hovertext: note.x for note in figure.layout.annotations if note.hovertext}
    user, assistant = (say(f"figure.role_{role}", language) for role in ("user", "assistant"))
    assert names == {user: 2, assistant: 6, "tool": 9}
    between = [(line.x0, line.x1) for line in figure.layout.shapes if line.line.dash == "dot"]
    assert between == [(-0.5, 9.5), (-0.5, 9.5), (5.5, 5.5), (8.5, 8.5)]


def test_without_the_templates_tokens_the_roles_stand_side_by_side() -> None:
    figure = heatmap(chat(), layer=0, head=0, specials=False)
    assert strips(figure)[ROLES["user"], False] == (-0.5, 2.5) and strips(figure)[ROLES["assistant"], False] == (
        2.5,
        3.5,
    )
    assert figure.data[0].meta["keys"] == [1, 2, 3, 6, 9]


def test_reader_knows_who_says_each_token_and_what_they_are_called() -> None:
    data = reader_data(chat(), Selection(), "zh")
    assert data["roles"] == [None if turn is None else ("user", "assistant", "tool")[turn] for turn in TURNS]
    assert data["roleNames"] == {"user": "用户", "assistant": "助手", "tool": "tool"}
    assert '"roles": [null, "user"' in page(chat(), Selection(), Style()).decode()


def test_files_say_whose_each_token_is() -> None:
    whose = [None if turn is None else ("user", "assistant", "tool")[turn] for turn in TURNS]
    table = [line.split(",") for line in csv(chat(), layer=0, head=0).decode("utf-8-sig").split()]
    assert table[0][-2:] == ["query_role", "key_role"]
    assert [line[-2:] for line in table[1:]] == [[a or "", b or ""] for a in whose for b in whose]
    arrays = np.load(io.BytesIO(npz(chat())))
    assert arrays["roles"].tolist() == arrays["key_roles"].tolist() == [role or "" for role in whose]


def test_what_no_chat_is_has_no_roles() -> None:
    plain = of(LABELS, [seen(torch.full((1, 10, 10), 0.1))])
    assert plain.queries.roles == () and not heatmap(plain, layer=0, head=0).layout.shapes
    assert reader_data(plain, Selection())["roles"] == []
    assert "role" not in csv(plain, layer=0, head=0).decode() and np.load(io.BytesIO(npz(plain)))["roles"].size == 0


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("hi", [("user", "hi")]),
        ("SYSTEM: a\nUser:b\nassistant：c", [("system", "a"), ("user", "b"), ("assistant", "c")]),
        ("用户: 你好\n\n再见\n助手：", [("user", "你好\n\n再见"), ("assistant", "")]),
        ("users: a\nuser a: b\n user : c", [("user", "users: a\nuser a: b"), ("user", "c")]),
        ("\r\nuser: a\r\n  b", [("user", "a\n  b")]),
        ("  \n", []),
    ],
)
def test_lines_that_begin_with_a_role_begin_a_turn(typed: str, wanted: list[tuple[str, str]]) -> None:
    assert [(turn["role"], turn["content"]) for turn in turns_in(typed)] == wanted


def test_a_token_that_only_touches_a_turn_is_not_of_it() -> None:
    spans = [(0, 3), (3, 5), (4, 8), (8, 9), None]  # the template's, the turn's, across its end, the template's twice
    assert _owners(spans, [None, (3, 6)]) == (None, 1, 1, None, None)
