"""The page on words for pictures with CLIP's and SigLIP's two towers, under AppTest."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown

import attnviz as av
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.captions import rows, scenes
from attnviz.ui.pages.captions.beside import KEY
from tests.pages.opened import component, run_page, seen
from tests.parity.vision.test_towers import TEXT, saved


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both, tiny."""
    place = tmp_path_factory.mktemp("towers")
    return {kind: str(saved(place / kind, kind)) for kind in ("clip", "siglip")}


def opened(folder: str, lang: str = "en", **link: str) -> AppTest:
    return run_page("captions", lang, {"by": folder, "ask": TEXT, **link})


def light(panel: dict, places: int) -> np.ndarray:
    sent, top = panel["weights"]
    return np.frombuffer(base64.b64decode(sent), "<u2").astype(np.float64).reshape(-1, places) / 65_534 * top


def said(at: AppTest) -> str:
    return " ".join(seen(one.value) for one in at.main if isinstance(one, Markdown))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_the_picture_is_lit_by_cosines_beside_the_class_token_s_look(
    kind: str, lang: str, folders: dict[str, str]
) -> None:
    at = opened(folders[kind], lang, view="head", layer="1", head="2")
    assert not at.exception and not at.error
    found = av.patch_text(av.load(folders[kind]), scenes.sample(scenes.SAMPLE), TEXT)
    own = found.cosines[~found.cosines.isnan()]
    assert f"{found.whole:.3f}" in said(at) and f"{float(own.max()):.3f}" in said(at)
    assert say("captions.towers_no_attention", lang) in said(at)
    data = component(at, KEY + "picture")
    panels = data["panels"]
    assert [len(panel["words"]) for panel in panels] == [1] * (2 if kind == "clip" else 1)
    shown = light(panels[0], len(data["boxes"]))[0]
    expected = ((own - own.min()) / (own.max() - own.min())).numpy()
    assert shown == pytest.approx(expected, abs=1e-4) and panels[0]["words"][0]["text"] == TEXT
    if kind == "clip":
        look = found.trace.weights(1, 2)[0, 1:].numpy()
        assert light(panels[1], len(data["boxes"]))[0] == pytest.approx(look, abs=1e-4)


def test_a_rule_acts_in_the_tower_and_a_text_is_needed(folders: dict[str, str]) -> None:
    hard = opened(folders["clip"], rule="hard", hard="argmax")
    found = av.patch_text(av.load(folders["clip"]), scenes.sample(scenes.SAMPLE), TEXT, rule=av.Argmax())
    assert f"{found.whole:.3f}" in said(hard)
    empty = opened(folders["clip"], ask="")
    assert not empty.exception and [*empty.warning, *empty.error, *empty.info]


def test_the_cosines_are_a_file_with_a_line_for_each_patch(folders: dict[str, str]) -> None:
    found = av.patch_text(av.load(folders["clip"]), scenes.sample(scenes.SAMPLE), TEXT)
    lines = rows.cosine_table(found).splitlines()
    assert lines[0] == "patch,cosine" and lines[1] == f"picture,{found.whole:.6f}" and len(lines) == 2 + 16
    assert lines[2] == f'"1,1",{float(found.cosines[1]):.6f}'
