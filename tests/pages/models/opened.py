"""The models page opened by a link, and what is looked for on it."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from attnviz.ui.pages.models.choices import KEY, PARAMS
from tests.pages.opened import PATIENCE, ROOT, elements

NAME, WEIGHTS = "someone/small-bert", "model.safetensors"
TEXT = "the cat sat on the mats"
SEQ = {"num_layers": 2, "num_decoder_layers": 3}
HYBRID = {
    "num_key_value_heads": 2, "num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2,
}  # fmt: skip
Folder = Callable[..., str]


def opened(lang: str = "en", **link: str) -> AppTest:
    """The page opened by a link."""
    at = AppTest.from_file(str(ROOT / "pages" / "models.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, "text": TEXT, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    key = PARAMS[name].key if name in PARAMS else KEY + name
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def effect(at: AppTest) -> str:
    """The table of the prediction before and after."""
    found = [e.proto.body for e in at.get("html") if "class='effect'" in e.proto.body]
    return found[0] if found else ""
