"""The versions that are tested lie inside the ranges that the package asks for, and neither list forgets a package."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from attnviz.adapter.stored.gguf import EXTRAS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RANGES = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["project"]["dependencies"])}
OPTIONAL = PROJECT["project"]["optional-dependencies"]
# What `make test` does not install: a cluster is no part of it. `benchmarks.corpus --executors ray` ran with 2.60.0.
UNTESTED = {"cluster"}
LISTS = ("requirements.txt", "requirements-dev.txt", "requirements-models.txt")


def listed(file: str) -> list[Requirement]:
    """What a list asks for, less what it takes over from another, comments and hashes."""
    lines = [re.split(r"\s+(?:#|--hash)", line)[0] for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def exact(requirement: Requirement) -> str | None:
    """The one version that is asked for, None for a range."""
    said = [one for one in requirement.specifier if one.operator == "=="]
    return said[0].version if len(said) == 1 and not said[0].version.endswith("*") else None


@pytest.mark.parametrize("file", LISTS)
def test_what_make_installs_is_exact_and_says_why(file: str) -> None:
    assert listed(file) and all(exact(one) for one in listed(file))
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    bare = [line for line, above in zip(lines, ["", *lines], strict=False) if "==" in line and "#" not in line + above]
    assert not bare


def test_every_exact_version_lies_in_its_range_and_both_name_the_same_packages() -> None:
    tested = {canonicalize_name(one.name): exact(one) for one in listed("requirements.txt")}
    assert tested.keys() == RANGES.keys()
    assert not [(name, version) for name, version in tested.items() if not RANGES[name].specifier.contains(version)]


def test_what_is_optional_is_tested_too() -> None:
    tested = {canonicalize_name(one.name): exact(one) for one in listed("requirements-dev.txt")}
    extras = [extra for name, extra in OPTIONAL.items() if name not in UNTESTED]
    for one in (Requirement(one) for extra in extras for one in extra):
        assert one.specifier.contains(tested[canonicalize_name(one.name)] or "")
        assert canonicalize_name(one.name) not in RANGES


def test_no_range_is_one_version_or_without_a_beginning() -> None:
    for one in [*RANGES.values(), *(Requirement(one) for extra in OPTIONAL.values() for one in extra)]:
        operators = {part.operator for part in one.specifier}
        assert ">=" in operators and operators <= {">=", "<", "!="}, one


def test_the_packages_that_a_sentence_asks_for_are_those_of_the_extra() -> None:
    asked = {one.name: exact(one) for one in map(Requirement, EXTRAS)}
    offered = {one.name: one for one in map(Requirement, OPTIONAL["gguf"])}
    assert list(asked) == list(offered) and all(offered[name].specifier.contains(asked[name]) for name in asked)


def test_the_build_asks_for_the_backend_that_is_tested() -> None:
    (asked,) = map(Requirement, PROJECT["build-system"]["requires"])
    tested = {canonicalize_name(one.name): exact(one) for one in listed("requirements-dev.txt")}
    assert asked.specifier.contains(tested[canonicalize_name(asked.name)] or "")


def imported() -> set[str]:
    """The libraries that the package's code imports, wherever the line stands."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "attnviz").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    found = {name.split(".")[0] for name in [*whole, *parts]}
    return found - set(sys.stdlib_module_names) - {"attnviz", "_typeshed"}


def test_every_library_that_the_package_imports_comes_with_it() -> None:
    """By itself, by way of another, or with an extra."""
    brought = {
        "streamlit": {"click", "starlette", "anyio", "PIL", "pandas", "pyarrow", "google"},  # google: protobuf
        "transformers": {"yaml", "tqdm"},
        "huggingface_hub": {"httpx2"}, "pydantic_settings": {"pydantic"}, "cluster": {"ray"},
        "training": {"sacrebleu"}, "gguf": {"accelerate", "gguf"},
    }  # fmt: skip
    own = {name.replace("-", "_") for name in RANGES}
    assert imported() <= own.union(*brought.values())
    assert len(imported()) > 10
