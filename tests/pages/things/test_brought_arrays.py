"""The page on acting with a Decision Transformer of one's own: a folder and arrays give its map, or a sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.errors import TextError
from attnviz.messages import LANGUAGES, say
from attnviz.systems.acting.deciding import share_of
from attnviz.systems.acting.folder import Arrays, read_arrays
from attnviz.ui.pages.acting.run import MOST_OWN as MOST
from attnviz.ui.pages.acting.shown import OWN as KEY
from tests.pages.opened import array, by_key, charts, run_page, said
from tests.parity.acting.test_decision import numbers, saved

NAMES = ("returns", "states", "actions")


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def brought(folder: Path, content: bytes, **link: str) -> AppTest:
    """The page with a folder in its link and a file put in."""
    at = run_page("acting", "en", {"size": "5", "folder": str(folder), **link})
    by_key(at, KEY + "file").set_value(("episode.npz", content, "application/octet-stream"))
    return at.run()


def test_a_folder_and_a_file_are_drawn_and_said_as_the_library_reads_them(tmp_path: Path) -> None:
    saved(tmp_path / "mine")
    given = numbers()
    at = brought(tmp_path / "mine", npz(**dict(zip(NAMES, given, strict=True))))
    assert not at.exception and not at.error
    assert at.query_params["folder"] in ([str(tmp_path / "mine")], str(tmp_path / "mine"))
    trace = av.load(tmp_path / "mine").read(Arrays(*given))  # type: ignore[call-arg]
    rows = trace.weights(0)[:, 1::3]
    shares = {
        part: float(np.mean([share_of(rows[0, step], step, part) for step in range(5)]))
        for part in ("return", "state", "earlier_return", "earlier_state", "earlier_action")
    }
    most = max(shares, key=shares.__getitem__)
    name = say(f"acting.lane_{most}", "en")
    assert say(
        "acting.own_verdict", "en", model="mine", steps=5, layer=0, head=0, part=name, share=f"{shares[most]:.0%}"
    ) in said(at)
    drawn = array(charts(at)[-1]["data"][0]["z"])
    assert np.allclose(np.nan_to_num(drawn), trace.weights(0, 0).numpy(), atol=1e-3)


def test_a_rule_acts_and_names_of_d4rl_and_rewards_are_understood(tmp_path: Path) -> None:
    saved(tmp_path)
    _, states, actions = numbers()
    rewards = np.array([1.0, 0, 2, 0, 3])
    content = npz(rewards=rewards, observations=states, actions=actions, timesteps=np.arange(5), infos=np.zeros(2))
    found = read_arrays(content)
    assert found.returns.tolist() == [6, 5, 5, 3, 3] and np.array_equal(found.states, states)
    at = brought(tmp_path, content, rule="hard", hard="argmax", own_layer="1", own_head="1")
    assert not at.exception and not at.error
    assert set(np.unique(np.nan_to_num(array(charts(at)[-1]["data"][0]["z"])))) == {0, 1}


RETURNS, STATES, ACTIONS = numbers()


def changed(content: bytes, places: dict[int, int]) -> bytes:
    """Some of the bytes put to others."""
    found = bytearray(content)
    for place, byte in places.items():
        found[place] = byte
    return bytes(found)


def packed(**arrays: Any) -> bytes:
    """An archive whose arrays are compressed."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


WHOLE = packed(returns=RETURNS, states=STATES, actions=ACTIONS)
LISTED = WHOLE.index(b"PK\x01\x02")  # where the archive lists its first array: flags 8 bytes on, how it is packed 10
FIRST = WHOLE.index(b".npy") + 24  # within its bytes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "acting_npz"), (b"no archive", "acting_npz"), (npz(x=np.zeros(2))[:40], "acting_npz"),
        (npz(states=STATES, returns=RETURNS), "acting_npz_lacks"),
        (npz(states=np.array([{}], object), returns=RETURNS, actions=ACTIONS), "acting_npz"),
        (changed(WHOLE, {FIRST + one: 255 for one in range(8)}), "acting_npz"),
        (changed(WHOLE, {LISTED + 10: 99}), "acting_npz"), (changed(WHOLE, {LISTED + 8: 1, 6: 1}), "acting_npz"),
    ],
    ids=["empty", "text", "cut", "lacking", "pickled", "damaged", "unknown", "locked"],
)  # fmt: skip
def test_a_file_that_is_no_episode_is_a_sentence(content: bytes, message: str) -> None:
    with pytest.raises(TextError) as refusal:
        read_arrays(content)
    assert refusal.value.message == message and all(refusal.value.say(one) for one in LANGUAGES)


def test_arrays_that_would_fill_the_memory_are_told_by_the_archives_own_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.systems.acting.folder.LARGEST", 1_000_000)
    monkeypatch.setattr(np, "load", None)  # nothing is unpacked
    file = io.BytesIO()
    np.savez_compressed(file, states=np.zeros((1_000, 300)))
    with pytest.raises(TextError, match="2 MB"):
        read_arrays(file.getvalue())


def test_what_cannot_be_drawn_is_one_sentence_and_the_episode_above_stays(tmp_path: Path) -> None:
    saved(tmp_path, max_ep_len=999)
    steps = MOST + 1
    long = npz(returns=np.zeros(steps), states=np.zeros((steps, 3)), actions=np.zeros((steps, 2)))
    for folder, content, words in (
        (tmp_path, long, f"{steps} steps"), (tmp_path, b"?", "no NPZ file"), ("lab-4", long, "no Decision Transformer"),
        (tmp_path, npz(returns=np.zeros(2), states=np.zeros((2, 4)), actions=np.zeros((2, 2))), "3 numbers a state"),
        (tmp_path / "gone", long, "gone"),
    ):  # fmt: skip
        at = brought(Path(folder), content)
        assert not at.exception and [words in one.value for one in at.error] == [True]
        assert "agent-doorkey arrives" in said(at) and by_key(at, KEY + "folder").value == str(folder)
