"""The training of lab-long: its rows and batches, its loss, and how the figures of its card are counted."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from attnviz import load, record
from attnviz.text.tokens import written
from attnviz.training import next_token
from attnviz.training.documents import Document
from attnviz.training.long import card as long_card
from attnviz.training.long import data as long
from attnviz.training.long import lessons
from attnviz.training.long import train as training
from attnviz.training.long.card import Case, Reading, Report, Told
from tests.unit.training.long.rows import START, TEXT, numbered, repeats, within

END = 3
FOUND = long.Sources(
    reviews=[[10, 11, 12, END], [13, 14, END]], dialogues=[[20, 21, END, 22, END]],
    zh=[[100 + n, 200 + n, 300 + n] for n in range(60)], en=[[400 + n, 500 + n] for n in range(90)],
)  # fmt: skip
RECIPE = {"steps": 2_200, "tokens_a_step": 8_192, "layers": 4, "heads": 4, "width": 160, "seconds": 6}
ONE = Case(before=[50, 51], passage=[60, 61, 62], between=[70, 71, 72, 73, 74])


@pytest.mark.parametrize("length", [1, 2, 401, 1_024])
def test_a_row_begins_once_and_has_the_length_asked_for(length: int) -> None:
    for seed in range(8):
        found = long.row(numbered(), length, START, random.Random(seed))
        assert len(found) == length and found[0] == START and START not in found[1:]


def test_a_passage_returns_word_for_word_after_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "COPIED", 1)
    for seed in range(3):
        ids = long.row(numbered(), 4_096, START, random.Random(seed))
        found = repeats(ids)
        assert len(found) >= 4_096 // (TEXT + long.COPY[1])
        assert all(within(run, ids[:begin]) for begin, run in found)
        assert all(long.COPY[0] <= len(run) <= long.COPY[1] for begin, run in found if begin + len(run) < 4_096)


def test_every_batch_has_8192_tokens_in_rows_of_each_length_in_turn(wordpiece: PreTrainedTokenizerFast) -> None:
    found = [one for one, _ in zip(long.batches(FOUND, wordpiece, 7), range(8), strict=False)]
    assert [one.shape for one in found] == [(8_192 // length, length) for length in long.LENGTHS] * 2
    assert all((one[:, 0] == wordpiece.cls_token_id).all() for one in found)
    again = next(long.batches(FOUND, wordpiece, 7))
    assert (again == found[0]).all() and not (next(long.batches(FOUND, wordpiece, 8)) == found[0]).all()


def test_nothing_returns_where_it_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "COPIED", 0)
    assert len(set(long.row(numbered(), 4_096, START, random.Random(0)))) == 4_096
    assert len(set(long_card.plain(numbered(), 4_096, START))) == 4_096


def test_texts_end_and_dialogues_about_one_thing_stay_together(wordpiece: PreTrainedTokenizerFast) -> None:
    reviews = [Document("a", "", "the cat sat", 0), Document("b", "", "she sat down", 1)]
    topics = [Document(name, about, text, 0) for name, about, text in
              (("1", "南京", "南京市"), ("2", "桥", "大桥"), ("3", "南京", "市长"))]  # fmt: skip
    found = long.sources(reviews, topics, ["猫很累。"], ["the mat"], wordpiece)
    end = wordpiece.sep_token_id

    def plain(text: str) -> list[int]:
        return wordpiece(text, add_special_tokens=False)["input_ids"]

    assert found.reviews == [[*plain("the cat sat"), end], [*plain("she sat down"), end]]
    assert found.dialogues == [[*plain("南京市"), end, *plain("市长"), end], [*plain("大桥"), end]]
    assert (found.zh, found.en) == ([plain("猫很累。")], [plain("the mat")])


def test_passages_are_whole_texts_and_runs_of_sentences_in_one_language() -> None:
    some = list(itertools.islice(long.passages(FOUND, END, random.Random(1)), 200))
    runs = [text for text in some if text[0] >= 100]
    assert all(text in [*FOUND.reviews, *FOUND.dialogues] for text in some if text[0] < 100)
    assert {len(runs) > 60, len(runs) < 170} == {True}
    for text in runs:
        language, size = (FOUND.zh, 3) if text[0] < 400 else (FOUND.en, 2)
        assert text[-1] == END and (len(text) - 1) % size == 0 and 3 <= (len(text) - 1) // size <= 40
        assert all(text[at : at + size] in language for at in range(0, len(text) - 1, size))
    assert {text[0] < 400 for text in runs} == {True, False}


def test_loss_is_the_cross_entropy_of_a_plain_forward() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )  # fmt: skip
    model = LlamaForCausalLM(config).float().eval()
    for parameter in model.parameters():
        parameter.data *= 8  # far from the loss of a model that knows nothing
    ids = torch.randint(0, 50, (3, 40))
    with torch.inference_mode():
        shares = torch.softmax(model(ids).logits.double(), -1)
    surprise = [-shares[text, place, ids[text, place + 1]].log() for text in range(3) for place in range(39)]
    expected = (sum(surprise) / len(surprise)).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = training.loss(model, ids).item()
    assert abs(found - expected) < 0.01 * expected  # bfloat16; worst seen 0.003


def test_a_new_model_is_lab_gpt_that_reads_8192_tokens() -> None:
    before = load("lab-gpt")
    tokenizer = training.lengthened()
    model = training.new_model()
    assert (model.config.max_position_embeddings, tokenizer.model_max_length) == (8_192, 8_192)
    assert before.tokenizer.model_max_length == before.limit == 256
    old = before.network.state_dict()
    assert all(torch.equal(tensor, old[name]) for name, tensor in model.state_dict().items())


def test_reading_tells_what_next_token_tells_from_any_token_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_card, "BLOCK", 4)
    model, sentence = load("lab-gpt"), "他是一名美国女子游泳运动员。"
    ids = [*model.tokenizer(sentence)["input_ids"], model.tokenizer.sep_token_id]
    whole, expected = long_card.read(model, ids).told(1, len(ids)), next_token.told(model, sentence)
    assert (whole.tokens, whole.first) == (expected.tokens, expected.first)
    assert abs(whole.bits - expected.bits) < 1e-3  # float32 beside float64; worst seen 8e-6
    late = long_card.read(model, ids, 6)
    assert torch.allclose(late.bits, long_card.read(model, ids).bits[5:], atol=1e-4)
    assert late.told(8, 11) == long_card.read(model, ids, 8).told(8, 11)


def test_inner_bits_leave_the_end_of_a_sentence_out() -> None:
    model, texts = load("lab-gpt"), {"zh": ["他是一名美国女子游泳运动员。", "南京市"], "en": ["the cat sat"]}
    found = long_card.single_sentences(model, texts)
    assert {name: found[name] for name in next_token.measure(model, texts)} == next_token.measure(model, texts)
    sums = {}
    for language, some in texts.items():
        read = [long_card.read(model, model.tokenizer(text)["input_ids"]).bits for text in some]
        sums[language] = torch.cat(read)
        assert abs(found[f"inner_bits_{language}"] - sums[language].mean().item()) < 1e-6
    assert abs(found["inner_bits_both"] - torch.cat(list(sums.values())).mean().item()) < 1e-6


def test_told_sums_the_tokens_from_one_number_to_another() -> None:
    found = Reading(3, torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([True, False, True, True]))  # tokens 3 to 6
    assert found.told(3, 7) == Told(4, 3, 15.0)
    assert found.told(4, 6) == Told(2, 1, 6.0)
    assert found.told(0, 4) == Told(1, 1, 1.0)


def test_bits_stand_at_their_places_with_far_and_near_context(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_number(model: object, ids: Sequence[int], begin: int = 1) -> Reading:
        """Each token costs its own number; where little stands before it, 1,000 more."""
        assert list(ids) in ([0, *range(8_192 - 512, 8_192)], list(range(8_192)))
        bits = torch.tensor(ids[begin:], dtype=torch.float64) + 1_000 * (len(ids) == 513)
        return Reading(begin, bits, torch.zeros(len(bits), dtype=torch.bool))

    monkeypatch.setattr(long_card, "read", by_number)
    found = long_card.far_context(load("lab-gpt"), {"plain": [list(range(8_192))]})
    last = (7_936 + 8_191) / 2
    assert found == {
        "bits_far_plain": last, "bits_near_plain": last + 1_000, "bits_1_255_plain": 128,
        "bits_256_1023_plain": (256 + 1_023) / 2, "bits_1024_4095_plain": (1_024 + 4_095) / 2,
        "bits_4096_8191_plain": (4_096 + 8_191) / 2,
    }  # fmt: skip


def test_rows_of_the_card_are_of_both_kinds_and_drawn_again_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_card, "ROWS", 2)
    once, again = long_card.long_rows(FOUND, START, END), long_card.long_rows(FOUND, START, END)
    assert once == again and list(once) == list(long_card.KINDS)
    assert {len(ids) for some in once.values() for ids in some} == {8_192}
    assert once["plain"] != once["returning"]


def test_a_case_has_its_passage_twice_with_the_gap_between() -> None:
    assert ONE.row(START, 4) == [START, 50, 51, 60, 61, 62, 70, 71, 72, 73, 60, 61, 62]
    assert ONE.row(START, 4, new=True) == [START, 50, 51, 70, 71, 72, 73, 60, 61, 62]
    assert ONE.row(START, 0, new=True) == [START, 50, 51, 60, 61, 62], "up to the end of the first"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_other_text_has_none_of_the_passages_sentences(language: str) -> None:
    for one in long_card.cases(FOUND, END, language)[:4]:
        passage = set(one.passage)
        assert len(one.passage) == len(passage) == 100, "no sentence stands in it twice"
        assert not passage & {*one.before, *one.between}
        assert (len(one.before), len(one.between)) == (64, 7_900)
        assert len(one.row(START, 7_900)) <= 8_192
    assert long_card.cases(FOUND, END, language) == long_card.cases(FOUND, END, language)


def test_occasions_tell_the_passage_less_what_nobody_can_foresee(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, tuple[int, ...]] = {}

    def kept(model: object, ids: Sequence[int], begin: int = 1) -> Reading:
        asked[len(ids)] = tuple(ids[begin:])
        return Reading(begin, torch.full((len(ids) - begin,), float(len(ids))), torch.ones(len(ids) - begin).bool())

    monkeypatch.setattr(long_card, "read", kept)
    one = long_card.cases(FOUND, END, "zh")[0]
    found = long_card.occasions(load("lab-gpt"), one)
    sizes = {"first": 165, "new": 1_189, **{f"return_{gap}": gap + 265 for gap in long_card.GAPS}}
    assert found == {name: Told(95, 95, 95.0 * size) for name, size in sizes.items()}
    assert asked == {size: tuple(one.passage[5:]) for size in sizes.values()}
    figures = long_card.returns(load("lab-gpt"), {"zh": [one, one], "en": [one]})
    assert figures["first_bits_zh"] == figures["first_bits_both"] == 165 and figures["new_accuracy_en"] == 1
    assert {key.rpartition("_")[2] for key in figures} == {"zh", "en", "both"} and len(figures) == 36


def test_both_languages_count_token_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_card, "occasions", lambda model, one: {"new": one})
    found = long_card.returns(load("lab-gpt"), {"zh": [Told(1, 1, 9.0)], "en": [Told(2, 0, 5.0), Told(1, 0, 1.0)]})
    assert found == {
        "new_bits_zh": 9, "new_accuracy_zh": 1, "new_bits_en": 2, "new_accuracy_en": 0,
        "new_bits_both": 3.75, "new_accuracy_both": 0.25,
    }  # fmt: skip


def test_prefix_matching_is_the_mean_over_a_diagonal() -> None:
    weights = torch.rand(2, 3, 9, generator=torch.Generator().manual_seed(0))
    for first in range(7):
        for head in range(2):
            expected = sum(weights[head, place, first + place].item() for place in range(3)) / 3
            assert abs(long_card.along(weights, first)[head].item() - expected) < 1e-6


def test_heads_are_asked_about_the_token_after_the_previous_occurrence_and_the_one_before() -> None:
    model = load("lab-gpt")
    numbers = torch.randperm(3_000, generator=torch.Generator().manual_seed(1))[:60].add(100).tolist()
    one = Case(numbers[:6], numbers[6:30], numbers[30:])
    found = long_card.head_weights(model, one, 20)
    ids = one.row(int(model.tokenizer.cls_token_id), 20)
    trace = record(model, written(ids, model.tokenizer))
    for layer, head in itertools.product(range(4), range(4)):
        weights, again, previous = trace.weights(layer, head).tolist(), [], []
        for query in range(len(ids) - 24, len(ids)):
            earlier = ids.index(ids[query])  # in this text every other token occurs once
            again.append(weights[query][earlier + 1])
            previous.append(weights[query][query - 1])
        assert abs(found["prefix_matching"][layer, head].item() - sum(again) / 24) < 1e-6
        assert abs(found["previous_token"][layer, head].item() - sum(previous) / 24) < 1e-6


def report() -> Report:
    """Figures that all differ."""
    names = [f"{name}_{language}" for name in long_card.SINGLE for language in next_token.LANGUAGES]
    names += [f"bits_{part}_{kind}" for part in long_card.PARTS for kind in long_card.KINDS]
    names += [f"{occasion}_{column}" for occasion in long_card.OCCASIONS for column in long_card.COLUMNS]
    figures = {name: (number + 1) / 1_000 for number, name in enumerate(names)}
    weights = {habit: torch.arange(16).reshape(4, 4) / 16 + at for at, habit in enumerate(long_card.HABITS)}
    figures |= {habit: shares.max().item() for habit, shares in weights.items()}
    before = {name: 3 + value for name, value in figures.items() if name.rpartition("_")[0] in long_card.SINGLE}
    return Report(figures, before, weights, ["a → b"])


def test_card_holds_every_figure_in_its_index_and_in_its_tables() -> None:
    made = report()
    card = long_card.card(made, RECIPE)
    found = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert found == {name: round(value, 4) for name, value in made.figures.items()}
    assert all(one.metric_name == " · ".join(long_card.label(one.metric_type)) for one in card.data.eval_results)
    tables = [line for line in card.text.splitlines() if line.startswith("|")]
    for name, value in [*made.figures.items(), *made.before.items()]:
        if name not in long_card.HABITS:
            assert sum(f"| {value:.4f} |" in line for line in tables) == 1, name
    assert all("".join(long_card.label(name)) for name in made.figures) and "a → b" in card.text
    assert len({long_card.label(name) for name in made.figures}) == len(made.figures), "no two have one name"


def test_card_names_the_best_head_of_each_habit_and_all_the_others() -> None:
    made = report()
    made.weights["previous_token"][1, 2] = 4
    card = long_card.card(made, RECIPE).text
    assert "layer 3, 头 head 3, 0.9375" in card and "layer 1, 头 head 2, 4.0000" in card
    again, before = (made.weights[habit] for habit in long_card.HABITS)
    assert all(f"{a:.3f} / {b:.3f}" in card for a, b in zip(again.flatten(), before.flatten(), strict=True))


@pytest.mark.parametrize(
    ("again", "said"),
    [
        ((4.95, 4.95, 5.2, 5.3), "It has not learnt to continue a passage that returns: after 256 / 1,024"),
        ((2.0, 4.0, 5.2, 5.3), "It continues a passage that returns after 256 and 1,024 tokens: after 256 / 1,024"),
        ((2.0, 4.95, 5.2, 5.3), "It continues a passage that returns after 256 tokens: after 256 / 1,024"),
    ],
)
def test_card_says_from_where_a_passage_that_returns_is_continued(again: tuple[float, ...], said: str) -> None:
    figures = {**report().figures, "first_bits_both": 5.0, "new_bits_both": 5.01}
    figures |= {f"return_{gap}_bits_both": bits for gap, bits in zip(long_card.GAPS, again, strict=True)}
    zh, en = long_card.verdict({**figures, "bits_near_plain": 5.5, "bits_far_plain": 5.75})
    assert en.startswith(said) and ("没有学会" in zh) == ("not" in said)
    assert ("256、1,024" in zh) == (again[1] == 4.0)
    costs = " / ".join(f"{bits:.2f}" for bits in again)
    assert all(number in text for text in (zh, en) for number in (costs, "5.00", "5.01", "-0.250"))
    luck = long_card.verdict({**figures, "new_bits_both": min(again)})  # what is new there is told as well
    assert "has not learnt" in luck[1]


def test_card_says_where_no_head_has_a_habit() -> None:
    made = report()
    assert "no head has" not in long_card.head_words(made.weights)
    made.weights["prefix_matching"][:] = 0.29
    assert long_card.head_words(made.weights).count("no head has this habit") == 1


def test_card_says_what_it_was_trained_on_and_under_which_licences() -> None:
    card = long_card.card(report(), RECIPE)
    assert (card.data.license, card.data.language) == ("mit", ["zh", "en"])
    for paragraph in long_card.about(RECIPE):
        for said in (
            "CC0 1.0",
            "CC BY 4.0",
            "Apache-2.0",
            "KdConv",
            "lab-gpt",
            "float16",
            "MIT",
            "8,192",
            "2,200",
            f"{lessons.BLOCKS.steps + lessons.PIECES.steps:,}",
            f"{lessons.HEADS.steps:,}",
            f"{lessons.TOGETHER.steps + lessons.ON.steps:,}",
        ):
            assert said in paragraph, said
        assert paragraph in card.text
    for command in ("attnviz.training.long.train`", "attnviz.training.long.card`"):
        assert command in card.text
