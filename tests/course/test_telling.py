"""Facts told to trained models and asked for later, and the file of what was answered before."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import kept_answers  # noqa: E402

from titans_course.studies import reading, telling
from titans_mini import ConfigError
from titans_mini.models.model import MODES
from titans_mini.training import checkpoint

KEPT = json.loads(telling.KEPT.read_text("utf-8"))


@pytest.fixture(scope="module")
def lm():
    return checkpoint.load_model("recall-mag").requires_grad_(False)


def told(lm, facts, gap, talk=None):
    return kept_answers.last(telling.tell(lm, facts, gap, talk))


def said(lm, talk, keys):
    return telling.report(lm, talk, keys)["said"]


def test_facts_are_known_only_by_a_memory_that_writes(lm):
    found = telling.report(lm, told(lm, telling.FACTS, 64), telling.FACTS)
    assert found["said"]["on"] == list(telling.FACTS.values())
    assert not set(found["said"]["frozen"] + found["said"]["off"]) & set(telling.FACTS.values())
    assert found["tokens"] == [8, 64] and found["writes"] == [4, 0]  # the four codes
    assert len(found["gate"]) == telling.SHOWN and [place for place, mark in enumerate(found["gate"]) if mark] == [
        1,
        3,
        5,
        7,
    ]


def test_a_telling_leaves_what_was_heard_before_as_it_is(lm):
    first = told(lm, {9: 21, 3: 7}, 64)
    before = said(lm, first, [9, 3])
    second = told(lm, {9: 4}, 64, first)
    assert second.told == {9: 4, 3: 7} and second.last == {9: 4}
    assert said(lm, second, [9, 3])["on"] == [4, 7]
    assert said(lm, first, [9, 3]) == before and before["on"] == [21, 7]
    assert said(lm, telling.blank(lm), [9, 3])["on"] != [21, 7]


def test_a_question_writes_nothing_and_progress_rises(lm):
    steps = list(telling.tell(lm, {1: 2}, 100, piece=32))
    shares = [share for share, _ in steps]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1 and len(steps) == 3 * 4 + 1
    talk = steps[-1][1]
    weights = [memory.clone() for layer in talk.states["on"].layers for memory in layer.memory.weights]
    telling.report(lm, talk, range(32))
    after = [memory for layer in talk.states["on"].layers for memory in layer.memory.weights]
    assert all(map(torch.equal, weights, after))


def test_lockers_and_codes_lie_in_0_to_31(lm):
    for facts in ({32: 0}, {0: 32}, {-1: 0}):
        with pytest.raises(ConfigError, match="must be"):
            next(telling.tell(lm, facts, 0))
    with pytest.raises(ConfigError, match="key must be"):
        telling.ask(lm, lm.initial_state(1), [40])


def test_a_kept_answer_is_shown_only_beside_the_weights_that_gave_it():
    card = checkpoint.read_card("recall-mag")
    assert telling.kept("tell", "recall-mag", card)["1024"]["said"]["on"] == list(telling.FACTS.values())
    assert telling.kept("tell", "recall-mag", card | {"weights_sha256": "0"}) is None
    assert telling.kept("needle", "recall-mag", card) is None and telling.kept("tell", "recall-new", {}) is None


@pytest.mark.parametrize("name", kept_answers.MODELS)
def test_the_kept_file_holds_what_is_measured_today(name):
    """A cheap sample of each entry; a changed checkpoint needs `python tools/kept_answers.py`."""
    entry, card = KEPT[name], checkpoint.read_card(name)
    assert entry["weights"] == card["weights_sha256"]
    lm, task = checkpoint.load_model(name).requires_grad_(False), name.partition("-")[0]
    if task == "recall":
        report = telling.report(lm, told(lm, telling.FACTS, 64), telling.FACTS)
        kept = dict(entry["tell"]["64"])
        for mark in ("surprise", "gate"):
            assert report.pop(mark) == pytest.approx(kept.pop(mark), abs=1)  # per cent
        assert report == kept
        assert kept_answers.anew(lm, 2) == entry["anew"][:2] and len(entry["anew"]) == 100
        again = kept_answers.distance(lm, gaps=(64,))
        assert again == {mode: {"64": entry["distance"][mode]["64"]} for mode in MODES}
    elif task == "text":
        again = kept_answers.generation(lm, 20)
        assert again == {mode: text[:40] for mode, text in entry["generation"].items()}
    else:
        assert kept_answers.needle(lm, 1) == entry["needle"][:1]
        assert len(entry["needle"]) == telling.TEXTS


def test_every_checkpoint_that_the_page_shows_is_in_the_kept_file():
    assert set(KEPT) == set(kept_answers.MODELS) <= set(checkpoint.bundled_names())
    assert all(set(KEPT[f"recall-{name}"]["distance"]) == set(MODES) for name in ("lmm", "mac", "mag", "mal"))
    assert reading.CHANCE == 1 / 32
