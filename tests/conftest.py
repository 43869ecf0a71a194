"""Before anything of attnviz is imported: no network, one thread, and the shapes in annotations checked."""

from __future__ import annotations

import gc
import os
import re

gc.disable()  # until all tests are there: nothing of theirs is thrown away, and looking for what is takes 8 s of 43
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for what a test starts: two threads that spin make 40 s of 20

from tests.shapes import check_from_now_on

check_from_now_on()

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from attnviz.training.corpus import build_tokenizer

ROOT = Path(__file__).parents[1]
LONG = (  # a minute or more in few tests: begun first, or one worker sits idle while the other has such a file left
    "tests/browser/access/test_every_page.py", "tests/browser/test_foreign.py", "tests/browser/lesson/test_lesson.py",
    "tests/browser/test_start.py", "tests/browser/test_address.py", "tests/browser/test_models.py",
    "tests/browser/people/test_visits.py", "tests/browser/test_long.py", "tests/browser/hearing/test_colours.py",
    "tests/installed/test_wheel.py", "tests/parity/owned/test_machine.py", "tests/unit/settings/test_settings.py",
)  # fmt: skip
_look_until_the_end = local_script_runner.require_widgets_deltas


def wait_for_the_end(runner: local_script_runner.LocalScriptRunner, timeout: float = 3) -> None:
    """Wait for AppTest's run in place of looking for its end a thousand times a second, each time in its way."""
    assert runner._script_thread is not None
    runner._script_thread.join(timeout)
    if not runner.script_stopped():
        _look_until_the_end(runner, 0)  # fails, and says so


re._MAXCACHE = 1 << 14  # transformers compiles the patterns of a model's weights, more than the 512 that Python keeps
torch.set_num_threads(1)
# AppTest reads what every installed package says of itself before each run: a third of the time of a page's tests.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
local_script_runner.require_widgets_deltas = wait_for_the_end
settings.register_profile("attnviz", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("attnviz")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the files: the long ones first, then those of many tests."""
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        first = {ROOT / name: place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: (first.get(item.path, len(LONG)), -tests[item.path]))


def pytest_collection_finish() -> None:
    """Look no more through what stands for good, 900,000 objects: each look takes half a second."""
    gc.freeze()
    gc.enable()


CHINESE = (
    "南京市长江大桥很长。",
    "南京市长到江大桥上来了。",
    "猫坐在垫子上，因为它很累。",
    "因为垫子很长，猫坐在它上。",
)
ENGLISH = ("the cat sat on the mat because it was tired", "the cats were sitting on the mats", "she sat down, tired")


@pytest.fixture(scope="session")
def wordpiece() -> PreTrainedTokenizerBase:
    """A WordPiece tokenizer like the lab models', learned from a few sentences."""
    return build_tokenizer(CHINESE, ENGLISH)


@pytest.fixture(scope="session")
def byte_level() -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer like GPT-2's that knows English only: a Chinese character is three tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
    )
    tokenizer.train_from_iterator(ENGLISH * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")
