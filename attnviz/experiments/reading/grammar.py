"""Do heads look along the edges of a grammar? Clark's table for any model, against trees that somebody brings.

    python -m attnviz.experiments.reading.grammar lab-4 zh_gsdsimp-ud-test.conllu

Trees are read from CoNLL-U (universaldependencies.org/format.html). Without a file the thirty short sentences of the
page are taken, and then it is asked whether the model makes words agree (`minimal.preferred`).
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attnviz.errors import TextError
from attnviz.experiments.reading.find import HeadsFound, Pair, find_heads
from attnviz.models.load import Model
from attnviz.text.characters import Span

LEFT_OUT = ("root", "punct")
BACK = "<"  # after a relation: from the head to what depends on it
NUMBER = re.compile("[0-9]{1,6}")
FEWEST, FEW = 50, 10  # pairs: of fewer nothing is said; of the short sample
SAMPLES = Path(__file__).parents[2] / "content"


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


@dataclass(frozen=True)
class Treebank:
    """The trees of a CoNLL-U file, and how many of its sentences are left out because they are none."""

    trees: list[Tree]
    left_out: int


def trees(content: str) -> list[Tree]:
    """The trees of a CoNLL-U file. Raises `TextError` where it holds none.

    Words in several syntactic words (1-2) and empty nodes (1.1) are left out; of nsubj:pass nsubj is taken. A sentence
    without its text has it made of its words.

    >>> found = trees("1\\t猫\\t_\\t_\\t_\\t_\\t2\\tnsubj\\t_\\t_\\n2\\t睡\\t_\\t_\\t_\\t_\\t0\\troot\\t_\\t_")
    >>> found[0].text, [(name, pair.words) for name, pair in found[0].pairs()]
    ('猫 睡', [('nsubj', ('猫', '睡')), ('nsubj<', ('睡', '猫'))])
    """
    return treebank(content).trees


def treebank(content: str) -> Treebank:
    """The same, with the number of sentences that are no tree: a word's head is missing, heads go round in a circle,
    or the words are not in the text. Raises `TextError` where none is a tree.
    """
    blocks = [block.split("\n") for block in _blocks(content)]
    told = [_tree(block) for block in blocks if any(line[:1].isdigit() for line in block)]
    found = [tree for tree in told if tree is not None]
    if not told:
        raise TextError("conllu_none")
    if not found:
        raise TextError("conllu_broken")
    return Treebank(found, len(told) - len(found))


def first_sentences(content: str, most: int) -> tuple[str, int]:
    """The first `most` sentences of a CoNLL-U file, and how many more it has."""
    blocks = [block for block in _blocks(content) if block.strip()]
    return ("\n\n".join(blocks[:most]), len(blocks) - most) if len(blocks) > most else (content, 0)


def _blocks(content: str) -> list[str]:
    """What stands between empty lines."""
    return re.split(r"\n[ \t]*\n", content.replace("\r\n", "\n"))


def _tree(lines: Sequence[str]) -> Tree | None:
    """The tree of a block of lines, None where it is none."""
    rows = [line.split("\t") for line in lines if line[:1].isdigit()]
    rows = [row for row in rows if not (len(row) >= 8 and re.fullmatch(r"[0-9]+[-.][0-9]+", row[0]))]
    if not rows or not all(len(row) >= 8 and NUMBER.fullmatch(row[0]) and NUMBER.fullmatch(row[6]) for row in rows):
        return None
    text = next((line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")), "")
    text = text or "".join(row[1] + ("" if "SpaceAfter=No" in row[-1] else " ") for row in rows).strip()
    words, place = {}, 0
    for row in rows:
        start = text.find(row[1], place)
        if start < 0 or not row[1]:
            return None
        place = start + len(row[1])
        words[int(row[0])] = Word((start, place), int(row[6]), row[7].split(":")[0])
    return Tree(text, words) if _rooted({number: word.head for number, word in words.items()}) else None


def _rooted(heads: dict[int, int]) -> bool:
    """Does every word lead to 0, from head to head?"""
    good = {0}
    for number in heads:
        way: dict[int, None] = {}
        while number not in good:
            if number not in heads or number in way:
                return False
            way[number] = None
            number = heads[number]
        good.update(way)
    return True


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
    """Read the arguments and print the table, and of the sample the shares of agreement."""
    from attnviz.models.load import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model by name, Hub id or folder")
    parser.add_argument("file", type=Path, nargs="?", help="trees in CoNLL-U; those of the page where it is left out")
    parser.add_argument("--most", type=int, default=None, help="only the first so many sentences")
    given = parser.parse_args()
    model, file = load(given.model), given.file or SAMPLES / "trees.conllu"
    asked = relations(trees(file.read_text(encoding="utf-8"))[: given.most], FEWEST if given.file else FEW)
    print("relation      pairs head   hits weight   best fixed offset   chance")
    for name, found in find_heads(model, asked).items():
        print(line(name, found))
    if given.file is None:
        print_agreement(model)


def print_agreement(model: Model) -> None:
    """How often the model prefers the right word, for each set of minimal pairs that comes with the project."""
    from attnviz.experiments.reading.marks import lines_of, minimal
    from attnviz.experiments.reading.minimal import interval, preferred

    sets = tomllib.loads((SAMPLES / "agreement.toml").read_text(encoding="utf-8"))
    for name, lines in sets.items():
        found = preferred(model, [minimal(one) for one in lines_of(lines)])
        low, high = interval(found.right, found.judged)
        print(f"{name:12} {found.right:3} of {found.judged} {found.share:.3f}   {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
