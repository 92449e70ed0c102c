"""The shipped weights do what their cards say."""

import pytest

from titans_mini.training.checkpoint import BUNDLED, bundled_names, load_model, read_card
from titans_mini.training.evaluate import evaluate

CHANCE = 1 / 32  # of naming one of the recall task's values


def test_the_shipped_weights_are_small():
    assert bundled_names() and sum(path.stat().st_size for path in BUNDLED.iterdir()) < 20_000_000


@pytest.mark.parametrize("name", bundled_names())
def test_a_card_says_what_made_the_file(name):
    card = read_card(name)
    assert {"model", "parameters", "training", "tokens", "seconds", "loss_last", "machine", "results"} <= set(card)
    assert card["parameters"] == sum(parameter.numel() for parameter in load_model(name).parameters())


@pytest.mark.parametrize("name", [name for name in bundled_names() if name.startswith("recall")])
def test_a_recall_model_recalls_past_its_window_by_its_memory_alone(name):
    lm = load_model(name)
    assert evaluate(lm, "recall", 2048, rows=8)["accuracy"] >= 0.95
    for mode in ("frozen", "off"):
        assert evaluate(lm, "recall", 256, rows=32, memory=mode)["accuracy"] < 4 * CHANCE


def test_two_callers_never_share_a_model():
    first, second = (load_model(bundled_names()[0]) for _ in range(2))
    assert all(a.data_ptr() != b.data_ptr() for a, b in zip(first.parameters(), second.parameters(), strict=True))
