"""Carry the app into the package: app.py, pages/ and Streamlit's settings stand at the top of the repository, where
`streamlit run app.py` looks for them; a wheel has them in attnviz/ui/served/. Everything else is in pyproject.toml.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
SERVED = "attnviz/ui/served"


def served() -> list[str]:
    """What stands at the top and has to come along, seen from there."""
    pages = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "pages").rglob("*.py"))
    return ["app.py", ".streamlit/config.toml", *pages]


class WithApp(build_py):
    """The package's own files, then the app's. An editable install needs no copy: it leaves the app where it is."""

    def run(self) -> None:
        super().run()
        for name in [] if self.editable_mode else served():
            goal = Path(self.build_lib, SERVED, name)
            self.mkpath(str(goal.parent))
            self.copy_file(str(HERE / name), str(goal))

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *served()]  # so that a source distribution has them too

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        mine = [] if self.editable_mode else [str(Path(self.build_lib, SERVED, name)) for name in served()]
        return [*super().get_outputs(include_bytecode), *mine]


setup(cmdclass={"build_py": WithApp})
