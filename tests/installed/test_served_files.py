"""What carries the app to a server says what it means: the image, the proxy, the audit, the citation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from attnviz import __version__, settings
from attnviz.ui.__main__ import told

ROOT = Path(__file__).parents[2]
SERVED = ROOT / ".github" / "served"
KNOWN = (
    "FROM",
    "WORKDIR",
    "COPY",
    "RUN",
    "ENV",
    "VOLUME",
    "USER",
    "EXPOSE",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "ENTRYPOINT",
    "CMD",
)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, a pair for each instruction; comments and broken lines put away."""
    text = re.sub(r"(?m)^#.*\n", "", (SERVED / "Dockerfile").read_text(encoding="utf-8")).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def of(kind: str) -> list[str]:
    return [said for name, said in instructions() if name == kind]


def test_every_instruction_is_known_and_the_image_is_small_and_not_root_s() -> None:
    assert {name for name, _ in instructions()} <= set(KNOWN) and len(of("FROM")) == 1
    assert re.fullmatch(r"python:3\.1[1-9]-slim", of("FROM")[0])
    names = [name for name, _ in instructions()]
    assert of("USER") == ["1000"] and names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    pip = [one for said in of("RUN") for one in said.split("&&") if "pip install" in one]
    assert pip and all("--no-cache-dir" in one for one in pip) and "whl/cpu" in pip[0]
    found = re.search(r"sed -n '(.*?)'", of("RUN")[0])
    assert found and "torch==" in found[1]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("torch==")]) == 1


def test_what_is_copied_is_there_and_passes_the_ignored() -> None:
    let = (SERVED / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert let[0] == "*"
    for sources in of("COPY"):
        for source in sources.split()[:-1]:
            assert (ROOT / source).exists() and f"!{source}" in let, source
    assert (ROOT / "attnviz" / "weights" / "SHA256SUMS").is_file(), "the models come along in the package"


def test_it_is_started_for_strangers_and_asked_for_its_health_where_it_listens() -> None:
    assert json.loads(of("ENTRYPOINT")[0]) == ["python", "-m", "attnviz.ui"]
    try:
        words = told(json.loads(of("CMD")[0]))
        assert settings.now().hosted and "0.0.0.0" in words
    finally:
        settings.use([])
    (port,) = of("EXPOSE")
    assert words[words.index("--server.port") + 1] == port and f":{port}/_stcore/health" in of("HEALTHCHECK")[0]


def test_behind_the_proxy_each_process_is_shut_in_and_a_visitor_stays_with_one() -> None:
    said = yaml.safe_load((SERVED / "compose.yaml").read_text(encoding="utf-8"))
    behind = [one for name, one in said["services"].items() if name != "proxy"]
    assert len(behind) > 1
    for one in behind:
        assert one["read_only"] and one["cap_drop"] == ["ALL"] and one["mem_limit"] and "ports" not in one
        assert (SERVED / one["build"]["context"] / one["build"]["dockerfile"]).resolve() == SERVED / "Dockerfile"
        assert all(name in settings.written("en") for name in one["environment"])
    proxy = (SERVED / "Caddyfile").read_text(encoding="utf-8")
    assert "lb_policy cookie" in proxy and all(f"{name}:8501" in proxy for name in said["services"] if name != "proxy")
    assert proxy.count("{") == proxy.count("}")


def test_the_audit_cannot_skip_a_package_and_the_tests_are_those_of_everybody() -> None:
    said = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8"))
    runs = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in said["jobs"].items()}
    assert "bash .ci/run" in runs["test"] and said["permissions"] == {"contents": "read"}
    assert "pip-audit --strict -r requirements.txt -r requirements-dev.txt" in runs["audit"]
    lists = sorted(path.name for path in ROOT.glob("requirements*.txt"))
    assert runs["audit"].count("pip-audit --strict") == 2 and sorted(re.findall(r"-r (\S+)", runs["audit"])) == lists
    local = [
        line
        for name in lists
        for line in (ROOT / name).read_text("utf-8").splitlines()
        if re.match(r"[^#]*==\S*\+", line)
    ]
    assert not local, "a version that no index has, as 2.13.0+cpu, is one that nobody can look up"
    assert "hadolint .github/served/Dockerfile" in runs["image"]
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    for one in updates:
        assert (ROOT / one["directory"].lstrip("/")).is_dir()


@pytest.mark.parametrize("name", ["version", "license"])
def test_the_citation_is_of_this_version(name: str) -> None:
    said = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text(encoding="utf-8"))
    assert said[name] == {"version": __version__, "license": "MIT"}[name] and said["cff-version"] == "1.2.0"
