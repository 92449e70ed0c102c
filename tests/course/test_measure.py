"""Bits by length of context, the second reading and the half-life: each against a plain loop or a closed form."""

import json
import math

import pytest
import torch
from torch.nn import functional

from titans_course.studies import context as measure
from titans_course.studies.context import by_context, follow, half_life, measure_text, second_reading, swapped
from titans_course.studies.controls import CONTROLS, RECALL_CONTROL, is_control, modes_of, read_seeds
from titans_course.studies.ngram_cache import with_cache
from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.cli import main
from titans_mini.models.model import MODES
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model, read_card, save_model

SMALL = dict(dim=16, heads=2, window=4, chunk=4, persistent=2)


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


def model(variant="mag", **shape):
    torch.manual_seed(0)
    return TitansLM(TitansConfig(variant, **{**SMALL, **shape})).double().eval().requires_grad_(False)


def some_bytes(count, seed=0):
    return torch.randint(97, 105, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("memory", MODES)
@pytest.mark.parametrize("variant", ["lmm", "mac"])
def test_pieces_give_the_bits_of_one_pass(variant, memory, monkeypatch):
    monkeypatch.setattr(measure, "PIECE", 7)
    lm, ids = model(variant), some_bytes(60).view(2, 30)
    logits, _ = lm(ids[:, :-1], memory=memory)
    losses = functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none") / math.log(2)
    for first in (1, 7, 8, 9, 29):
        bits, hits = follow(lm, ids, first, memory=memory)
        torch.testing.assert_close(bits, losses[:, first - 1 :], rtol=1e-9, atol=1e-12)
        assert torch.equal(hits, (logits.argmax(-1) == ids[:, 1:])[:, first - 1 :])


def test_all_contexts_are_judged_by_the_same_bytes():
    lm, source = model(), some_bytes(900)
    rows = by_context(lm, (16, 4, 64), rows=3, seed=5, source=source)
    assert [row["context"] for row in rows] == [4, 16, 64]
    slots = torch.randperm((900 - 64) // 128, generator=torch.Generator().manual_seed(5))[:3]
    for row in rows:
        bits = []
        for slot in slots.tolist():
            start = 64 + 128 * slot
            ids = source[start - row["context"] : start + 128].unsqueeze(0)
            logits, _ = lm(ids[:, :-1])
            bits.append(functional.cross_entropy(logits[0, -128:], ids[0, -128:]).item() / math.log(2))
        assert row["bits"] == pytest.approx(sum(bits) / 3, rel=1e-9)
        assert (row["rows"], row["seed"], row["memory"]) == (3, 5, "on")
    assert rows[-1]["lost"] == rows[-1]["error"] == 0
    assert rows[0]["lost"] == pytest.approx(rows[0]["bits"] - rows[-1]["bits"]) and rows[0]["error"] > 0


def test_without_memory_context_past_attention_changes_nothing():
    """Two layers of a window of 4 reach 7 bytes back."""
    lm, source = model(), some_bytes(900)
    off = {row["context"]: row["bits"] for row in by_context(lm, (2, 8, 64), rows=2, memory="off", source=source)}
    on = {row["context"]: row["bits"] for row in by_context(lm, (2, 8, 64), rows=2, memory="on", source=source)}
    assert off[8] == pytest.approx(off[64], abs=1e-12) and abs(off[2] - off[8]) > 1e-6
    assert abs(on[8] - on[64]) > 1e-6


def test_two_calls_with_other_contexts_judge_the_same_bytes():
    lm, source = model(), some_bytes(10_000)
    alone, among = (by_context(lm, contexts, rows=2, source=source)[0] for contexts in ((16,), (16, 64)))
    assert alone["bits"] == pytest.approx(among["bits"], rel=1e-12)


def test_a_second_reading_counts_the_same_bytes_of_both():
    lm, source = model(), some_bytes(400)
    (row,) = second_reading(lm, (40,), rows=2, seed=3, source=source)
    slots = torch.randperm(10, generator=torch.Generator().manual_seed(3))[:2]
    first, second = [], []
    for slot in slots.tolist():
        passage = source[40 * slot : 40 * slot + 40]
        ids = torch.cat([passage, passage]).unsqueeze(0)
        bits = functional.cross_entropy(lm(ids[:, :-1])[0][0], ids[0, 1:], reduction="none") / math.log(2)
        first.append(bits[31:39].mean().item())  # bits[i] is of byte i + 1: bytes 32 to 39
        second.append(bits[71:79].mean().item())
    assert row["first"] == pytest.approx(sum(first) / 2, rel=1e-9)
    assert row["second"] == pytest.approx(sum(second) / 2, rel=1e-9)
    assert row["saved"] == pytest.approx(row["first"] - row["second"], abs=1e-12) and row["error"] >= 0


def test_a_passage_returns_after_other_bytes():
    lm, source = model(), some_bytes(600)
    (row,) = second_reading(lm, (40,), between=25, rows=1, seed=3, source=source)
    start = 40 * int(torch.randperm(15, generator=torch.Generator().manual_seed(3))[0])
    passage, other = source[start : start + 40], source.roll(-(start + 300))[:25]
    ids = torch.cat([passage, other, passage]).unsqueeze(0)
    bits = functional.cross_entropy(lm(ids[:, :-1])[0][0], ids[0, 1:], reduction="none") / math.log(2)
    assert row["first"] == pytest.approx(bits[31:39].mean().item(), rel=1e-9)
    assert row["second"] == pytest.approx(bits[96:104].mean().item(), rel=1e-9)
    assert (row["passage"], row["between"]) == (40, 25)


def test_the_swap_test_exchanges_all_but_the_last_bytes_before():
    lm, source = model(), some_bytes(1000)
    (row,) = swapped(lm, 60, rows=2, seed=5, source=source)
    first, second = (60 + 128 * int(slot) for slot in torch.randperm(7, generator=torch.Generator().manual_seed(5))[:2])
    bits = {}
    for name, pairs in {"own": ((first, first), (second, second)), "other": ((first, second), (second, first))}.items():
        found = []
        for start, far in pairs:
            ids = torch.cat([source[far - 60 : far - 16], source[start - 16 : start + 128]]).unsqueeze(0)
            found.append(functional.cross_entropy(lm(ids[:, :-1])[0][0, -128:], ids[0, -128:]).item() / math.log(2))
        bits[name] = sum(found) / 2
        assert row[name] == pytest.approx(bits[name], rel=1e-9)
    assert row["saved"] == pytest.approx(bits["other"] - bits["own"]) and row["context"] == 60
    (off,) = swapped(lm, 60, rows=2, memory="off", source=source)
    assert abs(off["saved"]) < 1e-12  # attention sees 7 bytes back


def test_the_cache_mixes_the_shares_of_what_followed_the_longest_match():
    """After "abcabdab" comes what followed "ab": c and d once each; weight 0.1 for two bytes."""
    ids = torch.tensor(list(b"abcabdab?"))
    own = torch.full((2, 256), 1 / 256, dtype=torch.float64)
    mixed = with_cache(own, ids)
    wanted = torch.full((256,), 0.9 / 256, dtype=torch.float64)
    wanted[[ord("c"), ord("d")]] += 0.05
    torch.testing.assert_close(mixed[1], wanted)
    torch.testing.assert_close(mixed[0], own[0])  # nothing followed "da" before
    longer = torch.tensor(list(b"wxyz123 wxyz12?"))
    mixed = with_cache(own[:1], longer)
    assert mixed[0, ord("3")] == pytest.approx(0.8 + 0.2 / 256)  # six bytes match
    torch.testing.assert_close(mixed.sum(1), torch.ones(1, dtype=torch.float64))


def test_the_cache_is_a_mode_of_a_control():
    lm, source = model(), some_bytes(900)
    plain, cached = (by_context(lm, (64,), rows=2, memory=memory, source=source)[0] for memory in ("off", "cache"))
    bits = []
    for slot in torch.randperm(6, generator=torch.Generator().manual_seed(measure.SEED))[:2].tolist():
        ids = source[128 * slot : 128 * slot + 192]
        logits = lm(ids[None, :-1], memory="off")[0][0, -128:]
        chances = with_cache(logits.softmax(-1), ids)
        bits.append(-chances.gather(1, ids[-128:, None]).log2().mean().item())
    assert cached["bits"] == pytest.approx(sum(bits) / 2, rel=1e-9) and cached["bits"] != plain["bits"]
    assert second_reading(lm, (64,), rows=2, memory="cache", source=source)[0]["saved"] > 0.1
    assert half_life(lm, memory="cache", source=source) == []


def test_only_a_memory_makes_a_second_reading_differ():
    """Without memory nothing of the first reading is left past attention's reach, so both agree to rounding."""
    (off,) = second_reading(model(), (64,), rows=2, memory="off", source=some_bytes(400))
    (on,) = second_reading(model(), (64,), rows=2, memory="on", source=some_bytes(400))
    assert abs(off["saved"]) < 1e-12 and abs(on["saved"]) > 1e-6


@pytest.mark.parametrize(("alpha", "expected"), [(0.5, 1), (1.0, 1), (0.01, 69), (0.1, 7), (0.0, None), (1e-4, None)])
def test_half_life_of_a_constant_gate_is_its_closed_form(alpha, expected):
    if expected and alpha < 1:
        assert expected == math.ceil(math.log(2) / -math.log1p(-alpha) - 1e-9)
    assert measure._median_half_life(torch.full((3, 400), alpha), 200) == expected


def test_half_life_is_read_off_the_gates_of_each_layer():
    lm, source = model("lmm", layers=3, memory_layers=(0, 2)), some_bytes(1200)
    for layer, alpha in ((0, 0.1), (2, 0.01)):
        gate = lm.layers[layer].mixer.memory.gate
        gate.linear.weight.zero_()
        stretched = (alpha + gate.stretch) / (1 + 2 * gate.stretch)
        gate.linear.bias[2::3] = math.log(stretched / (1 - stretched))
    rows = half_life(lm, rows=2, length=600, source=source)
    assert [(row["layer"], row["half_life"], row["beyond"]) for row in rows] == [(1, 7, 300), (3, 69, 300)]
    assert half_life(lm, memory="frozen", source=source) == half_life(lm, memory="off", source=source) == []


def test_a_control_has_one_mode():
    control, trained = ({"training": {"memory": memory}} for memory in ("off", "on"))
    assert is_control(control) and modes_of(control) == ("off",)
    assert not is_control(trained) and not is_control({}) and modes_of(trained) == modes_of({}) == MODES
    assert set(CONTROLS) == {"same steps", "same time"}


def test_a_card_gets_all_three_for_each_mode(monkeypatch):
    source = some_bytes(3000)
    monkeypatch.setattr(measure, "text_bytes", lambda held_out: source)
    monkeypatch.setattr(measure.by_context, "__defaults__", ((4, 16),))
    monkeypatch.setattr(measure.swapped, "__defaults__", (64,))
    found = measure_text(model(dim=8), seed=2)
    assert set(found) == {"context", "swap", "second_reading", "return", "half_life"}
    assert (
        {row["memory"] for row in found["context"]} == {row["memory"] for row in found["second_reading"]} == set(MODES)
    )
    assert {row["memory"] for row in found["half_life"]} == {"on"}
    assert all(row["seed"] == 2 for rows in found.values() for row in rows)
    control = measure_text(model(dim=8), ("off",))
    assert control["half_life"] == [] and {row["memory"] for row in control["swap"]} == {"off", "cache"}
    assert json.loads(json.dumps(found)) == found


def test_a_checkpoint_that_is_there_is_measured_and_still_loads(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "measure_text", lambda lm, modes: {"context": [{"modes": list(modes)}]})
    for name, memory in (("text.1", "on"), ("control", "off")):
        save_model(model().float(), tmp_path / name, {"training": {"memory": memory}, "seconds": 1.5})
        card = measure.measure_card(tmp_path / name)
        assert card["context"] == [{"modes": list(modes_of(card))}] and card["seconds"] == 1.5
        assert read_card(tmp_path / name) == card and load_model(tmp_path / name).config.dim == 16
    save_model(model(vocab_size=80).float(), tmp_path / "recall", {})
    with pytest.raises(ConfigError, match="needs 256 symbols"):
        measure.measure_card(tmp_path / "recall")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lm: by_context(lm, (0,)), "context must be a whole number from 1"),
        (lambda lm: by_context(lm, (500,), source=some_bytes(600)), "needs at least 628"),
        (lambda lm: second_reading(lm, (32,)), "passage must be a whole number from 33"),
        (lambda lm: second_reading(lm, (64,), rows=0), "rows must be a whole number from 1"),
        (lambda lm: half_life(lm, memory="of"), "memory must be one of on, frozen, off"),
        (lambda lm: half_life(lm, seed=-1), "seed must be a whole number from 0"),
    ],
)
def test_mistakes_are_one_line(call, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call(model())
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    save_model(model().float(), path / "text", {"training": {"task": "text", "memory": "on"}})
    save_model(model().float(), path / "control", {"training": {"task": "text", "memory": "off"}})
    save_model(model(vocab_size=80).float(), path / "recall", {"training": {"task": "recall", "memory": "on"}})
    (path / "own.txt").write_text("To be, or not to be, that is the question. " * 40)
    (path / "long.txt").write_text("Now is the winter of our discontent. " * 120)
    return path


def evaluated(capsys, folder, *arguments, checkpoint="text"):
    code = main(["eval", "--checkpoint", str(folder / checkpoint), *map(str, arguments)])
    out, error = capsys.readouterr()
    assert code in (0, 2) and error.count("\n") == (code == 2)
    return json.loads(out) if code == 0 else error


def test_the_command_measures_each(capsys, folder):
    own, long = (("--file", folder / name) for name in ("own.txt", "long.txt"))
    found = evaluated(capsys, folder, *own, "--context", 4, 16, "--rows", 2)
    assert found["measure"] == "context" and [row["context"] for row in found["results"]] == [4, 16]
    found = evaluated(capsys, folder, *own, "--passage", 40, "--rows", 2, "--seed", 7)
    assert found["measure"] == "second-reading" and found["results"][0]["seed"] == 7
    found = evaluated(capsys, folder, *own, "--context", 4, "--rows", 2, "--memory", "cache")
    assert found["memory"] == "cache" == found["results"][0]["memory"]
    assert "memory must be one of on" in evaluated(capsys, folder, *own, "--memory", "cache")
    for name, field in (("swap", "own"), ("return", "between")):
        assert field in evaluated(capsys, folder, *long, "--measure", name, "--rows", 1)["results"][0]
    found = evaluated(capsys, folder, *own, "--measure", "half-life", "--rows", 1)
    assert [row["layer"] for row in found["results"]] == [1, 2]


def test_a_control_is_read_without_memory_and_refuses_it(capsys, folder):
    own = ("--file", folder / "own.txt")
    found = evaluated(capsys, folder, *own, "--context", 4, "--rows", 1, checkpoint="control")
    assert found["memory"] == "off"
    assert evaluated(capsys, folder, "--size", 8, "--rows", 1, checkpoint="control")["memory"] == "off"
    assert evaluated(capsys, folder, *own, checkpoint="control")["trained_without_memory"] is True
    for memory in ("on", "frozen"):
        error = evaluated(capsys, folder, *own, "--memory", memory, checkpoint="control")
        assert f"memory must be off for a model that was trained without memory, not '{memory}'" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--measure", "bits"],
            "measure must be one of accuracy, context, swap, second-reading, return, half-life, not 'bits'",
        ),
        (["--measure", "half-life", "--context", "4"], "--context can only be used with --measure context"),
        (["--context", "4", "--passage", "64"], "--passage can only be used with --measure second-reading"),
        (["--context", "4", "--task", "text"], "--task cannot be used with --measure context"),
        (["--measure", "half-life", "--size", "4"], "--size cannot be used with --measure half-life"),
        (["--format", "babi"], "--format can only be used with --file"),
        (["--rows", "0"], "rows must be a whole number from 1"),
        (["--seed", "-1"], "seed must be a whole number from 0"),
        (["--memory", "of"], "memory must be one of on, frozen, off"),
        (["--context", "many"], "invalid int value"),
    ],
)
def test_wrong_flags_are_one_line(capsys, folder, arguments, message):
    assert message in evaluated(capsys, folder, *arguments)


def test_a_model_that_reads_no_bytes_is_refused(capsys, folder):
    for arguments in (["--measure", "half-life"], ["--file", folder / "own.txt"]):
        error = evaluated(capsys, folder, *arguments, checkpoint="recall")
        assert "checkpoint must read bytes, 256 symbols; this one has 80" in error


def test_training_on_text_measures_at_its_end(capsys, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        measure, "measure_text", lambda lm, modes, source: seen.append(modes) or {"context": [{"bits": 1.0}]}
    )
    flags = (
        "train --task text --variant mag --dim 8 --heads 2 --window 4 --chunk 4 --layers 1 --steps 1 --rows 1 --size 8"
    )
    for memory in ("on", "off"):
        assert main([*flags.split(), "--quiet", "--memory", memory, "--out", str(tmp_path / memory)]) == 0
        result = json.loads(capsys.readouterr().out)["results"]
        assert read_card(tmp_path / memory / "model")["context"] == [{"bits": 1.0}]
        assert [row["memory"] for row in result] == list(seen[-1])
    assert seen == [MODES, ("off",)]


def test_the_cards_of_the_recall_control_ship_without_weights_and_say_that_it_guesses():
    cards = read_seeds(RECALL_CONTROL)
    assert [card["training"]["seed"] for card in cards] == [0, 1, 2] and all(map(is_control, cards))
    assert all(row["accuracy"] < 4 / 32 for card in cards for row in card["results"])
