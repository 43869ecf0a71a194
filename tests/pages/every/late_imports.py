"""Print what the pages import after all is made ready, a module a line: `python -m tests.pages.every.late_imports`."""

from __future__ import annotations

import sys

from attnviz.ui.server.ready import import_all
from tests.pages.opened import ROOT, _run

OURS = ("attnviz", "jieba", "numpy", "pandas", "PIL", "plotly", "pyarrow", "tokenizers", "torch", "transformers")


def loaded() -> set[str]:
    return {name for name in sys.modules if name.split(".")[0] in OURS}


if __name__ == "__main__":
    import_all()
    before = loaded()
    for page in sorted((ROOT / "pages").rglob("*.py")):
        assert not _run(page, "en", {}).exception
        for name in sorted(loaded() - before):
            print(page.stem, name)
        before = loaded()
