"""A memory beside a frozen body: at first it says nothing, it alone is trained, and the body stays bit for bit."""

import json
from dataclasses import replace

import pytest
import torch
from models import CONTEXTS, check_equal, check_future, check_parts, check_rows, make_ids

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.cli import main
from titans_mini.models.beside import place_beside
from titans_mini.training.checkpoint import load_model, read_card
from titans_mini.training.train import TrainConfig, Trainer

SIZES = dict(variant="mal", vocab_size=80, dim=8, layers=2, heads=2, window=4, chunk=4, persistent=2)
BODY = TitansConfig(**SIZES, memory_layers=())
PLANS = {
    "plain": replace(BODY, memory_layers=(0,), memory_depth=1),
    "every_layer": replace(BODY, memory_layers=None, gate="surprise"),
    "contexts": replace(BODY, memory_layers=(1,), **CONTEXTS),
    "rule": replace(BODY, memory_layers=(0,), memory_rule="deltanet"),
}
SHORT = TrainConfig(steps=4, rows=2, size=8, start_size=4)


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """The path of a body's checkpoint, trained for a few steps."""
    trainer = Trainer(BODY, replace(SHORT, memory="off"), tmp_path_factory.mktemp("body"), "cpu")
    trainer.run(quiet=True)
    return str(trainer.finish()).removesuffix(".safetensors")


def same(lm: TitansLM, body: TitansLM) -> bool:
    now = lm.state_dict()
    return all(torch.equal(now[name], part) for name, part in body.state_dict().items())


@pytest.mark.parametrize("plan", PLANS)
def test_before_training_it_says_what_the_body_says(plan):
    torch.manual_seed(0)
    body = TitansLM(BODY)
    lm = place_beside(body, PLANS[plan])
    ids = make_ids(21)
    wanted = body(ids)[0]
    assert len(list(lm.parameters())) > len(list(body.parameters()))
    for mode in ("on", "frozen", "off"):
        torch.testing.assert_close(lm(ids, memory=mode)[0], wanted, rtol=0, atol=1e-6)
    loud = place_beside(body, PLANS[plan], silent=False)
    assert (loud(ids)[0] - wanted).abs().max() > 1e-3 and torch.equal(loud(ids, memory="off")[0], wanted)


@pytest.mark.parametrize("plan", PLANS)
def test_training_changes_the_memory_and_no_bit_of_the_body(plan, body, tmp_path):
    before = load_model(body)
    trainer = Trainer(PLANS[plan], replace(SHORT, body=body, weight_decay=0.5), tmp_path, "cpu")
    start = {name: part.clone() for name, part in trainer.lm.state_dict().items()}
    lm = trainer.run(quiet=True)
    assert same(lm, before)
    learned = {name for name, part in lm.named_parameters() if part.requires_grad}
    assert learned == {*start} - {*before.state_dict()} & {name for name, _ in lm.named_parameters()}
    still = {name for name in learned if torch.equal(lm.state_dict()[name], start[name])}
    assert still == set()
    ids = make_ids(17)
    assert torch.equal(lm(ids, memory="off")[0], before(ids)[0]) and not torch.equal(lm(ids)[0], before(ids)[0])


def test_the_card_names_the_body_and_the_checkpoint_loads(body, tmp_path):
    trainer = Trainer(PLANS["plain"], replace(SHORT, body=body), tmp_path, "cpu")
    trainer.run(quiet=True)
    path = trainer.finish()
    assert read_card(path)["body_sha256"] == read_card(body)["weights_sha256"]
    ids = make_ids(9)
    assert torch.equal(load_model(path)(ids)[0], trainer.lm(ids)[0])


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(body, tmp_path):
    plan = replace(SHORT, body=body)
    whole = Trainer(PLANS["plain"], plan, tmp_path / "whole", "cpu").run(quiet=True)
    Trainer(PLANS["plain"], plan, tmp_path / "parts", "cpu").run(until=2, quiet=True)
    again = Trainer(PLANS["plain"], plan, tmp_path / "parts", "cpu")
    assert again.step == 2
    assert same(again.run(quiet=True), whole)


def test_a_run_does_not_continue_beside_another_body(body, tmp_path):
    Trainer(PLANS["plain"], replace(SHORT, body=body), tmp_path / "run", "cpu").run(until=2, quiet=True)
    other = Trainer(BODY, replace(SHORT, memory="off", seed=1), tmp_path / "other", "cpu")
    other.run(quiet=True)
    with pytest.raises(ConfigError, match="other settings"):
        Trainer(PLANS["plain"], replace(SHORT, body=str(other.finish())), tmp_path / "run", "cpu")


@pytest.mark.parametrize("plan", PLANS)
def test_it_is_causal_and_row_by_row_and_the_same_in_any_parts(plan):
    torch.manual_seed(0)
    lm = place_beside(TitansLM(BODY).double(), PLANS[plan], silent=False)
    check_future(lm)
    check_rows(lm)
    check_parts(lm)


def test_the_body_is_neither_changed_nor_shared():
    torch.manual_seed(0)
    body = TitansLM(BODY).double()
    before = body(make_ids(9))[0]
    lm = place_beside(body, PLANS["plain"])
    torch.nn.init.ones_(lm.head.weight)
    check_equal(body(make_ids(9))[0], before)
    assert all(parameter.requires_grad for parameter in body.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(dim=16), "dim must be the body's 8, not 16"),
        (dict(vocab_size=256), "vocab_size must be the body's 80, not 256"),
        (dict(variant="mag"), "needs the variant mal"),
        (dict(memory_layers=()), "a layer in memory_layers"),
    ],
)
def test_a_memory_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        place_beside(TitansLM(BODY), replace(PLANS["plain"], **changes))


def test_a_body_with_a_memory_is_refused():
    with pytest.raises(ConfigError, match="body must be a model without memory"):
        place_beside(TitansLM(PLANS["plain"]), PLANS["plain"])


def test_the_command_takes_sizes_from_the_body_and_refuses_others(body, tmp_path, capsys):
    flags = ["train", "--body", body, "--steps", "2", "--rows", "2", "--size", "8", "--quiet", "--device", "cpu"]
    assert main([*flags, "--memory-layers", "0", "--chunk", "4", "--out", str(tmp_path / "a")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {one["memory"] for one in printed["results"]} == {"on", "frozen", "off"}
    assert read_card(printed["checkpoint"])["model"]["dim"] == 8
    for more, message in [
        (["--dim", "32"], "dim must be the body's 8, not 32"),
        (["--task", "text"], "vocab_size must be the body's 80, not 256"),
        (["--memory", "off"], "memory must be on with a body"),
    ]:
        assert main([*flags, *more, "--out", str(tmp_path / "b")]) == 2
        assert message in capsys.readouterr().err
