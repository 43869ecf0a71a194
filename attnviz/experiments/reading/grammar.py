"""Do heads look along the edges of a grammar? Clark's table for any model, against trees that somebody brings.

    python -m attnviz.experiments.reading.grammar lab-4 zh_gsdsimp-ud-test.conllu

Trees are read from CoNLL-U (universaldependencies.org/format.html); none comes with the project.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attnviz.errors import TextError
from attnviz.experiments.reading.find import HeadsFound, Pair, find_heads
from attnviz.text.characters import Span

LEFT_OUT = ("root", "punct")
BACK = "<"  # after a relation: from the head to what depends on it
FEWEST = 50  # pairs: of fewer nothing is said


@dataclass(frozen=True)
class Word:
    """One word of a tree: its characters in the text, the number of its head (0: none), and the relation to it."""

    span: Span
    head: int
    relation: str


@dataclass(frozen=True)
class Tree:
    """A sentence and its words, by their numbers from 1."""

    text: str
    words: dict[int, Word]

    def pairs(self) -> Iterator[tuple[str, Pair]]:
        """(relation, who looks at what): from each word to its head, and with `BACK` from the head to the word."""
        for word in self.words.values():
            if word.head in self.words and word.relation not in LEFT_OUT:
                head = self.words[word.head]
                yield word.relation, Pair(self.text, word.span, head.span)
                yield word.relation + BACK, Pair(self.text, head.span, word.span)


def trees(content: str) -> list[Tree]:
    """The trees of a CoNLL-U file. Raises `TextError` where it holds none.

    Words in several syntactic words (1-2) and empty nodes (1.1) are left out; of nsubj:pass nsubj is taken. A sentence
    without its text has it made of its words.

    >>> found = trees("1\\t猫\\t_\\t_\\t_\\t_\\t2\\tnsubj\\t_\\t_\\n2\\t睡\\t_\\t_\\t_\\t_\\t0\\troot\\t_\\t_")
    >>> found[0].text, [(name, pair.words) for name, pair in found[0].pairs()]
    ('猫 睡', [('nsubj', ('猫', '睡')), ('nsubj<', ('睡', '猫'))])
    """
    found = [tree for block in content.replace("\r\n", "\n").split("\n\n") if (tree := _tree(block.split("\n")))]
    if not found:
        raise TextError("conllu_none")
    return found


def _tree(lines: Sequence[str]) -> Tree | None:
    """The tree of a block of lines, None where there is none."""
    rows = [line.split("\t") for line in lines if line[:1].isdigit()]
    rows = [row for row in rows if len(row) >= 8 and row[0].isdigit() and row[6].isdigit()]
    if not rows:
        return None
    text = next((line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")), "")
    text = text or "".join(row[1] + ("" if "SpaceAfter=No" in row[-1] else " ") for row in rows).strip()
    words, place = {}, 0
    for row in rows:
        start = text.find(row[1], place)
        if start < 0:
            return None
        place = start + len(row[1])
        words[int(row[0])] = Word((start, place), int(row[6]), row[7].split(":")[0])
    return Tree(text, words)


def relations(found: Sequence[Tree], fewest: int = FEWEST) -> dict[str, list[Pair]]:
    """The pairs by relation, the commonest first; those with fewer than `fewest` left out."""
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for tree in found:
        for name, pair in tree.pairs():
            pairs[name].append(pair)
    kept = {name: one for name, one in pairs.items() if len(one) >= fewest}
    return dict(sorted(kept.items(), key=lambda item: -len(item[1])))


def line(name: str, found: HeadsFound) -> str:
    """One relation as a line of the table."""
    best = found.best
    hits, weight = float(found.hits[best]), float(found.weights[best])
    return (
        f"{name:12} {found.used:6} {best[0]}.{best[1]:<4} {hits:.3f} {weight:.3f}"
        f"   {found.offset:+3d} {found.offset_hits:.3f}   {found.chance:.3f}"
    )


def main() -> None:
    """Read the arguments and print the table."""
    from attnviz.models.load import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model by name, Hub id or folder")
    parser.add_argument("file", type=Path, help="trees in CoNLL-U")
    parser.add_argument("--most", type=int, default=None, help="only the first so many sentences")
    given = parser.parse_args()
    model = load(given.model)
    asked = relations(trees(given.file.read_text(encoding="utf-8"))[: given.most])
    print("relation      pairs head   hits weight   best fixed offset   chance")
    for name, found in find_heads(model, asked).items():
        print(line(name, found))


if __name__ == "__main__":
    main()
