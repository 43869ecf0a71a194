"""The rooms of the interface: who imports whom, and that the registry finds the pages by itself and lightly.

A room is kit, stores, server, the registry, or one page's folder. An edge is a module and a room that it imports.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from attnviz.ui import kit, registry
from attnviz.ui.kit import Screen
from tests.unit.test_layers import ROOT, all_imports, name_of, nothing, sources

EDGES_OF_A_PAGE = 3  # its SCREEN, its choices and what it shows take from the kit
MORE_EDGES = 36  # pages of many parts (time series has ten that speak or ask), and the rooms themselves
MOST_PARAMETERS = 6
GENERIC = ("kit", "stores", "server")


def room_of(module: str) -> str:
    """The room of a module of the interface, pages each by its name; "" for what stands outside the rooms."""
    parts = module.split(".")[2:] if module.startswith("attnviz.ui.") else []
    if parts[:1] == ["pages"]:
        return "/".join(parts[:2]) if len(parts) > 1 else ""  # the folder of the folders is no room
    return parts[0] if parts and parts[0] in (*GENERIC, "registry") else ""


def module_of(file: str) -> str:
    return ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")


def edges() -> set[tuple[str, str]]:
    """(importing module, imported room) for every import from one room of the interface into another."""
    found = {(module_of(one.file), room_of(one.module)) for one in all_imports("attnviz/ui")}
    return {(module, room) for module, room in found if room and room != room_of(module)}


def test_few_imports_lead_from_room_to_room() -> None:
    found = edges()
    assert len(found) > 30, "found almost none: do the rooms still have these names?"
    assert len(found) <= EDGES_OF_A_PAGE * len(registry.screens()) + MORE_EDGES, "\n".join(map(str, sorted(found)))


def test_a_room_that_all_pages_share_imports_no_page() -> None:
    nothing([(module, room) for module, room in edges() if room_of(module) in GENERIC and room.startswith("pages")])
    nothing([one for one in all_imports("app.py") if one.of("attnviz.ui.pages")])


def test_no_page_imports_another() -> None:
    nothing([edge for edge in edges() if room_of(edge[0]).startswith("pages/") and edge[1].startswith("pages/")])
    for path in sources("pages"):
        others = [one for one in all_imports(name_of(path)) if one.of("attnviz.ui.pages")]
        nothing([one for one in others if not one.of(f"attnviz.ui.pages.{path.stem}")])


def test_pages_take_what_they_share_from_the_room_and_from_no_module_in_it() -> None:
    names = set(kit.__all__)
    found = [*all_imports("attnviz/ui/pages"), *all_imports("pages", "app.py")]
    shared = [one for one in found if one.of("attnviz.ui.kit") or one.of("attnviz.ui.stores")]
    assert shared
    nothing([one for one in shared if one.module != "attnviz.ui.kit" and one.module.split(".", 3)[3] not in names])


def test_every_folder_is_a_page_with_a_file_and_the_same_rooms() -> None:
    folders = {path.parent.name for path in (ROOT / "attnviz/ui/pages").glob("*/__init__.py")}
    assert folders == {screen.name for screen in registry.screens()} == {path.stem for path in sources("pages")}
    nothing([name for name in folders if not (ROOT / f"attnviz/ui/pages/{name}/shown.py").exists()])
    asking = folders - {"family"}  # the map asks for nothing
    nothing([name for name in asking if not (ROOT / f"attnviz/ui/pages/{name}/choices.py").exists()])


def test_a_page_is_found_by_its_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "unheard_of"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from attnviz.ui.kit import Screen\nSCREEN = Screen('unheard_of', ':material/add:', 99, 'new')\n"
    )
    from attnviz.ui import pages

    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    registry.screens.cache_clear()
    try:
        assert registry.screens()[-1] == Screen("unheard_of", ":material/add:", 99, "new")
        assert list(registry.sections()) == ["", "family", "reading", "things", "new"]
    finally:
        registry.screens.cache_clear()
        sys.modules.pop("attnviz.ui.pages.unheard_of", None)


def test_choices_of_one_key_are_one_choice_on_every_page() -> None:
    params = [(param.key, param.default) for screen in registry.screens() for param in screen.params.values()]
    assert len({key for key, _ in params}) == len(set(params))


def test_the_registry_brings_neither_torch_nor_plotly_nor_transformers() -> None:
    code = (
        "import sys, streamlit; brought = set(sys.modules);"  # Streamlit itself imports plotly
        "from attnviz.ui import registry; assert registry.params();"
        "print(*sorted({'torch', 'plotly', 'transformers', 'attnviz.figures'} & (set(sys.modules) - brought)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_page_files_are_short_and_hold_no_session() -> None:
    for path in sources("pages"):
        text = path.read_text(encoding="utf-8")
        assert "session_state" not in text, path.name
        assert len(text.splitlines()) <= 60, path.name


def test_choices_side_by_side_break_where_a_phone_is_too_narrow() -> None:
    """In one line the last of them stood beyond the edge."""
    for path in sources("attnviz/ui/pages"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "segmented_control":
                assert "wrap" in {one.arg for one in node.keywords}, f"{path.name}:{node.lineno} stays in one line"


def test_no_function_of_the_interface_takes_too_much() -> None:
    for path in sources("attnviz/ui"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = len([one for one in (*node.args.args, *node.args.kwonlyargs) if one.arg not in ("self", "cls")])
                assert count <= MOST_PARAMETERS, f"{path.name}: {node.name} takes {count}"
