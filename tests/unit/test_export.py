"""What is taken away without the app: the same bytes as from its menu, in either language, and no Streamlit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import attnviz
from attnviz import TopK, export
from attnviz.messages import LANGUAGES, say
from attnviz.selection import Selection, Style
from attnviz.ui.kit import export as menu
from tests.unit.figures.made import made


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_menu_of_the_app_hands_out_the_same(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.ui.kit.export.language", lambda: language)
    trace, rule = made(), TopK(2)
    selection = Selection(1, 2, 3, 4, rule)
    assert export.csv(trace, layer=1, head=2, rule=rule) == menu.as_csv(trace, selection)
    assert len(export.npz(trace, rule=rule, language=language)) == len(menu.as_npz(trace, selection))
    page = export.html(trace, layer=1, head=2, query=3, rule=rule, language=language).decode()
    assert f'lang="{language}"' in page and say("ui.heatmap_title", language, layer=1, head=2) in page
    theirs = menu.as_html(trace, selection, Style(language=language)).decode()
    assert page.split('id="data">')[1] == theirs.split('id="data">')[1]
    assert json.loads(page.split('id="data">')[1].split("</script>")[0])["picked"] == 3


def test_a_page_is_made_without_streamlit_and_without_transformers() -> None:
    program = (
        "import sys, torch, attnviz as av; from attnviz.axes import Items;"
        "q = torch.eye(2)[None]; a = Items(('tea', 'cup'));"
        "t = av.Trace(a, a, (av.attend(q, q, q, rule=av.Soft()),));"
        "assert len(av.export.html(t, layer=0, head=0)) > 10_000 and av.export.csv(t, layer=0, head=0);"
        "print(*sorted({'streamlit', 'transformers'} & set(sys.modules)))"
    )
    root = Path(attnviz.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
