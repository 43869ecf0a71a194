"""The documents that the hierarchical networks learn from, and which of them are held out.

For the public originals see ``training/hierarchical``.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")
TOPICS = ("film", "music", "travel")
REVIEW_CLASSES = ("neg", "pos")
TEST_A_CLASS, VALIDATION_A_CLASS = 200, 100  # of 1,000 reviews of each class
TEST_SHARE, VALIDATION_SHARE = 0.30, 0.12  # of what the dialogues are about


@dataclass(frozen=True)
class Document:
    """One document: where it stands in its collection, what it is about (""  where unknown), its text and class."""

    name: str
    about: str
    text: str
    label: int


@dataclass(frozen=True)
class Split(Generic[Item]):
    """Items that teach, items that choose among networks, and items held out; `classes` likewise."""

    training: Sequence[Item]
    validation: Sequence[Item]
    test: Sequence[Item]
    classes: tuple[Sequence[int], Sequence[int], Sequence[int]]

    @property
    def parts(self) -> tuple[Sequence[Item], Sequence[Item], Sequence[Item]]:
        """All three in order."""
        return self.training, self.validation, self.test

    @property
    def training_classes(self) -> Sequence[int]:
        """The classes of the items that teach."""
        return self.classes[0]

    @property
    def validation_classes(self) -> Sequence[int]:
        """The classes of the items that choose."""
        return self.classes[1]

    def each(self, change: Callable[[Item], Other]) -> Split[Other]:
        """The same split of something made of each item."""
        training, validation, test = ([change(item) for item in part] for part in self.parts)
        return Split(training, validation, test, self.classes)


def place(name: str) -> float:
    """A number from 0 to 1 that depends on a name alone."""
    return int.from_bytes(hashlib.sha1(name.encode()).digest()[:6], "big") / 2**48


def _split(parts: tuple[list[Document], list[Document], list[Document]]) -> Split[Document]:
    training, validation, test = ([document.label for document in part] for part in parts)
    return Split(*parts, classes=(training, validation, test))


def read_reviews(path: Path) -> Split[Document]:
    """2,000 reviews: of each class the 200 whose file names hash lowest are the test, the next 100 validation."""
    parts: tuple[list[Document], list[Document], list[Document]] = ([], [], [])
    with zipfile.ZipFile(path) as archive:
        for label, folder in enumerate(REVIEW_CLASSES):
            names = [name for name in archive.namelist() if f"/{folder}/" in name and name.endswith(".txt")]
            for rank, name in enumerate(sorted(names, key=lambda name: place(Path(name).name))):
                text = archive.read(name).decode("latin-1")
                part = 0 if rank >= TEST_A_CLASS + VALIDATION_A_CLASS else 1 if rank >= TEST_A_CLASS else 2
                parts[part].append(Document(f"{folder}/{Path(name).name}", "", text, label))
    return _split(parts)


def read_topics(folder: Path) -> Split[Document]:
    """900 dialogues, one utterance a line; what a dialogue is about decides by its hash where it falls.

    Two dialogues about the same film, song or place are thus never on both sides.
    """
    parts: tuple[list[Document], list[Document], list[Document]] = ([], [], [])
    for label, topic in enumerate(TOPICS):
        for file in ("dev", "test"):
            dialogues = json.loads((folder / f"kdconv_{topic}_{file}.json").read_text(encoding="utf-8"))
            for number, dialogue in enumerate(dialogues):
                lines = [" ".join(turn["message"].split()) for turn in dialogue["messages"]]
                at = place(dialogue["name"])
                part = 2 if at < TEST_SHARE else 1 if at < TEST_SHARE + VALIDATION_SHARE else 0
                parts[part].append(Document(f"{topic}_{file}/{number}", dialogue["name"], "\n".join(lines), label))
    return _split(parts)
