"""Before anything of attnviz is imported: no network, one thread, and the shapes in annotations checked."""

from __future__ import annotations

import gc
import os

gc.disable()  # until all tests are there: nothing of theirs is thrown away, and looking for what is takes 8 s of 43
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for what a test starts: two threads that spin make 40 s of 20

from tests.shapes import check_from_now_on

check_from_now_on()

from functools import cache

import pytest
import torch
from hypothesis import settings
from streamlit.components.v2 import manifest_scanner
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from attnviz.training.corpus import build_tokenizer

torch.set_num_threads(1)
# AppTest reads what every installed package says of itself before each run: a third of the time of a page's tests.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
settings.register_profile("attnviz", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("attnviz")


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
