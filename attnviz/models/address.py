"""What a reader pasted, read in all the ways in which it may be meant: a path in quotes, a file's URL, a Hub page."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from attnviz.errors import ModelError

HUB = ("huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com")
QUOTES = ('""', "''", "``", "“”", "‘’", "«»", "「」", "『』", "<>")
# An id, and a revision after it; of what a Chinese keyboard types (／＠) the plain form.
AT = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?", re.ASCII)
ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
# Parts of the Hub's site that are no owner of models.
ELSEWHERE = frozenset({
    "datasets", "spaces", "docs", "blog", "papers", "collections", "learn", "models", "settings", "organizations",
    "tasks", "posts", "join", "login",
})  # fmt: skip
VIEWS = frozenset({"tree", "blob", "resolve", "raw", "blame", "commit", "commits", "edit", "discussions"})  # of a model
CALL = re.compile(r"""(?:from_pretrained|load|pipeline)\(.*?(["'])(?P<name>[^"']+)\1""")
COMMAND = re.compile(r"(?:git\s+clone|(?:hf|huggingface-cli)\s+download)\s+(?P<name>\S+)")


@dataclass(frozen=True)
class OnHub:
    """A model of the Hub, and the revision and file that an address names, "" where it names none."""

    name: str
    revision: str = ""
    file: str = ""


def readings(text: str) -> Iterator[str]:
    """In which ways may a path be meant? As it stands first; then without what was pasted with it.

    >>> list(readings(' "/models/my bert" '))
    [' "/models/my bert" ', '"/models/my bert"', '/models/my bert']
    """
    seen: set[str] = set()
    bare = plain(text)
    ways = (text, text.strip(), bare, _from_url(bare), os.path.expandvars(bare), re.sub(r"\\(?=[^\w\\])", "", bare))
    for way in ways:
        if way and way not in seen:
            seen.add(way)
            yield way


def plain(text: str) -> str:
    """A name without blanks and quotes around it, and without the command or call that it was copied with.

    >>> plain("AutoModel.from_pretrained('google-bert/bert-base-chinese')")
    'google-bert/bert-base-chinese'
    """
    text = text.strip().strip("\u200b\u200e\u200f\u202a\u202c\ufeff").strip()  # Windows puts U+202A before a path
    if found := CALL.search(text) or COMMAND.match(text):
        return plain(found["name"])
    text = text.removeprefix("& ")  # PowerShell's call of what was dragged into it
    if len(text) > 1 and text[0] + text[-1] in QUOTES:
        return plain(text[1:-1])
    return text


def _from_url(text: str) -> str:
    """The path of a `file:` URL; any other text as it is."""
    if not text.lower().startswith("file:"):
        return text
    path = unquote(re.sub(r"(?i)^file:(//(localhost)?(?=/))?", "", text))
    return path.lstrip("/") if re.match(r"/+[A-Za-z]:", path) else path


def on_hub(text: str) -> OnHub | None:
    """Which model of the Hub does a text name, by its id or by the address of one of its pages?

    None where it names none. Raises `ModelError` for an address of something else.

    >>> on_hub("https://huggingface.co/google-bert/bert-base-chinese/tree/main")
    OnHub(name='google-bert/bert-base-chinese', revision='main', file='')
    """
    text = plain(text)
    path = _path_on_hub(text)
    if path is None:
        parts = text.rstrip("/").split("/")
        if len(parts) > 3 and parts[2] in VIEWS and ID.fullmatch("/".join(parts[:2])):
            return _model(text, parts)
        cached = re.fullmatch(r"models--([\w.-]+?)(?:--([\w.-]+))?", text, re.ASCII)
        name = "/".join(filter(None, cached.groups())) if cached else text.rstrip("/")
        found = AT.fullmatch(re.sub(r"\s*/\s*", "/", unicodedata.normalize("NFKC", name)))
        return OnHub(found["name"], found["revision"] or "") if found and found["name"].strip(".") else None
    parts = [unquote(part) for part in path.split("/") if part]
    return _model(text, parts[2:] if parts[:2] == ["api", "models"] else parts)


def _path_on_hub(text: str) -> str | None:
    """The path of an address of the Hub; None for what is no address. Raises `ModelError` for another site's."""
    if copied := re.fullmatch(r"git@(?:hf\.co|huggingface\.co):(.+)", text):
        return copied[1]
    if text.lower().startswith("hf://"):
        return re.sub(r"^models/|@", lambda found: "/tree/" if found[0] == "@" else "", text[5:])
    given = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname
    has_scheme = re.match(r"(?i)https?://", text)
    try:
        address = urlsplit(text if has_scheme else f"https://{text}")
        host = (address.hostname or "").lower()
    except ValueError:  # brackets that hold no IPv6 address
        return None
    if host in HUB or (given and host == given):
        return address.path
    if has_scheme:
        raise ModelError("address_elsewhere", model=text)
    return None


def _model(text: str, parts: list[str]) -> OnHub:
    """The model that the path of an address names. Raises `ModelError` where that is none."""
    if not parts or parts[0] in ELSEWHERE:
        raise ModelError("address_no_model", model=text)
    alone = len(parts) < 2 or parts[1] in VIEWS  # of the first models, as gpt2, that have no owner
    name, rest = "/".join(parts[: 1 if alone else 2]).removesuffix(".git"), parts[1 if alone else 2 :]
    if not ID.fullmatch(name):
        raise ModelError("address_no_model", model=text)
    if len(rest) < 2 or rest[0] not in VIEWS or rest[0] == "discussions":
        return OnHub(name)
    long = rest[1] == "refs" and len(rest) > 3  # refs/pr/1
    revision = "/".join(rest[1 : 4 if long else 2])
    return OnHub(name, revision, "/".join(rest[4 if long else 2 :]))
