"""The report of the claims: rows kept, a run that goes on, runs of training, and one line for what is wrong."""

import errno
import json
import os
import random
import re
import shutil
import threading
from pathlib import Path

import pytest
import torch
from corruption import corrupted

from titans_course.claims import CLAIMS, SIZES, load_results, report
from titans_course.claims.counting import PARAMETERS, count, layers_for
from titans_course.claims.finding import FAILS, HOLDS, PART, UNTESTED, Finding, Spread
from titans_course.claims.models import ORDER, TiedGate, tie
from titans_course.claims.operations import in_fresh_process
from titans_course.claims.order import read_cards
from titans_course.claims.report import FORMAT, Result, due, examine, markdown, merge, to_json
from titans_course.studies.controls import CONTROLS
from titans_mini import ConfigError, LearnedGate
from titans_mini.cli import main
from titans_mini.kept import seal, unseal
from titans_mini.stopping import Terminated
from titans_mini.training.checkpoint import BUNDLED, load_model, write_card

ROOT = Path(__file__).resolve().parents[2]


SHIPPED = load_results()


def result(size="full", verdict=HOLDS, told="as it should be"):
    """A row that is made up: it can be shown, and no report can be read that holds it."""
    return Result(Finding(verdict, {"count": 3, "share": Spread.of([0.1, 0.2])}, told), size, 1.5, "a machine")


def row(key, size="full", machine="a machine"):
    """A row of the shipped figures, as if measured at another size and on another machine."""
    return SHIPPED[key]._replace(size=size, seconds=1.5, machine=machine)


@pytest.fixture
def measured(monkeypatch):
    """The keys that were measured, of a report whose measurements cost nothing."""
    keys = []

    def quick(key, size):
        keys.append(key)
        return row(key, size.name, machine=f"run {len(keys)}")

    monkeypatch.setattr(report, "examine", quick)
    return keys


def claims(*arguments):
    return main(["claims", "--quiet", *map(str, arguments)])


def test_a_report_is_read_as_it_was_written(tmp_path):
    results = {"beta": row("beta"), "order_small": row("order_small", "small"), "sessions": row("sessions")}
    (tmp_path / "r.json").write_text(to_json(results))
    assert load_results(tmp_path / "r.json") == results
    rows = json.loads(to_json(results))["rows"]
    assert rows["order_small"]["before"].startswith("for s in") and rows["beta"]["claim_zh"] == CLAIMS["beta"].claim_zh
    assert "before" not in rows["beta"] and rows["beta"]["figures"]["loss_0.7"]["seeds"] == 5
    assert not re.search(r"\b20\d\d-\d\d", to_json(results))  # no date


def test_a_row_is_judged_again_by_todays_rule_when_it_is_read(tmp_path):
    """No verdict or sentence of a report is older than its rule, and each comes with its parts."""
    content = json.loads(to_json({"beta": row("beta")}))
    content["rows"]["beta"] |= {"verdict": HOLDS, "told": "an older sentence"}
    (tmp_path / "r.json").write_text(json.dumps(seal({"format": FORMAT, "rows": content["rows"]})))
    finding = load_results(tmp_path / "r.json")["beta"].finding
    assert finding == SHIPPED["beta"].finding and finding.verdict != HOLDS
    assert finding.told.template.startswith("loss: best {name}") and finding.told.fields["name"] == "beta"


@pytest.mark.parametrize(
    "figures",
    [
        None,
        [],
        {},
        {"best_loss": "much"},
        {"best_loss": {"mean": 1}},
        {"best_loss": None},
        {"best_loss": {"mean": "1"}},
    ],
)
def test_figures_that_cannot_be_judged_are_named(figures):
    with pytest.raises(ConfigError, match="row beta (has no|cannot be read)"):
        Result.from_dict("beta", {"figures": figures})


def test_the_page_has_each_row_its_rule_and_its_machine():
    results = {"beta": result(told="a | b"), "share": result("small", PART)}
    text = markdown(results)
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 3 and all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in table)
    assert "a \\| b" in table[1] and table[1].endswith(f"| {HOLDS} | `{CLAIMS['beta'].command}` |")
    assert f"| {PART} (small size) |" in table[2]
    assert f"{HOLDS}: 1, {PART}: 1." in text and "- a machine: beta, share" in text
    assert f"- `share`: {CLAIMS['share'].rule}" in text


def test_a_small_row_never_takes_the_place_of_a_full_one():
    kept = {"beta": result("full"), "tau": result("small")}
    assert merge(kept, "beta", result("small", FAILS)) == kept
    assert merge(kept, "tau", result("full", FAILS))["tau"].finding.verdict == FAILS
    assert merge(kept, "beta", result("full", FAILS))["beta"].finding.verdict == FAILS
    assert list(merge(kept, "surprise", result())) == ["surprise", "beta", "tau"]  # the order of the table


def test_what_is_due():
    kept = {"beta": result("full"), "tau": result("small")}
    keys = ["beta", "tau", "share"]
    assert due(keys, SIZES["small"], kept) == ["share"]
    assert due(keys, SIZES["full"], kept) == ["tau", "share"]
    assert due(keys, SIZES["full"], kept, again=True) == keys


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_stopped_run_says_what_is_saved_and_continues(tmp_path, measured, monkeypatch, capsys, stop, code):
    quick, most = report.examine, 0

    def stops(key, size):
        if len(measured) == most:
            raise stop
        return quick(key, size)

    monkeypatch.setattr(report, "examine", stops)
    begun = f"titans-mini: stopped after {{}} of {len(CLAIMS)} claims; "
    assert claims("--out", tmp_path) == code
    assert capsys.readouterr().err == begun.format(0) + "nothing is saved yet\n"
    most = 2
    assert claims("--out", tmp_path) == code
    saved = f"saved in {str(tmp_path / 'results.json')!r}: run the same command to continue\n"
    assert capsys.readouterr().err == begun.format(2) + saved
    assert list(load_results(tmp_path / "results.json")) == list(CLAIMS)[:2]
    assert claims("--only", "share") == code
    assert capsys.readouterr().err.endswith("of 1 claims; nothing is saved without --out\n")
    monkeypatch.setattr(report, "examine", quick)
    assert claims("--out", tmp_path) == 0
    assert measured == list(CLAIMS)
    assert list(load_results(tmp_path / "results.json")) == list(CLAIMS)
    assert (tmp_path / "CLAIMS.md").read_text() == markdown(load_results(tmp_path / "results.json"))


def test_two_processes_lose_no_row_of_each_other(tmp_path, measured, monkeypatch):
    """While this one measures, another adds rows to the same folder; three of six were once lost."""
    files = tmp_path / "results.json", tmp_path / "CLAIMS.md"
    quick, others = report.examine, iter(("tau", "beta"))

    def disturbed(key, size):
        other = next(others)
        report.keep({other: row(other, "small")}, *files)
        return quick(key, size)

    monkeypatch.setattr(report, "examine", disturbed)
    assert claims("--out", tmp_path, "--only", "share", "depth") == 0
    assert set(load_results(files[0])) == {"tau", "beta", "share", "depth"}
    assert files[1].read_text() == markdown(load_results(files[0]))


def test_writers_at_the_same_moment_lose_nothing(tmp_path):
    files, keys = (tmp_path / "results.json", tmp_path / "CLAIMS.md"), list(CLAIMS)[:12]
    threads = [threading.Thread(target=report.keep, args=({key: row(key)}, *files)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(load_results(files[0])) == keys


def test_a_folder_that_another_process_holds_is_one_line(tmp_path, measured, monkeypatch, capsys):
    monkeypatch.setattr(report, "PATIENCE", 0.1)
    with report.locked(tmp_path / "results.json"):
        assert claims("--out", tmp_path, "--only", "beta") == 2
    assert "is in use by another process; waited 0.1 s" in capsys.readouterr().err and measured == []


def test_a_hundred_corruptions_are_refused_or_change_nothing(tmp_path):
    path, results, dice = tmp_path / "r.json", {"beta": row("beta"), "grid": row("grid", "small")}, random.Random(5)
    whole, refused = to_json(results).encode(), 0
    odd = [b"[" * 100_000, b'{"rows":' * 100_000, whole.replace(b'"place": ', b'"place": 1', 1)]
    for wrong in odd + [corrupted(whole, dice) for _ in range(100)]:
        path.write_bytes(wrong)
        try:
            assert load_results(path) == results  # such as a blank more between two words
        except ConfigError as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refused >= 95


@pytest.mark.parametrize("place", ["FILE", "FILE/below", "x" * 300])
def test_a_folder_that_cannot_be_is_known_before_anything_is_measured(tmp_path, place, measured, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")
    assert claims("--only", "beta", "--out", place) == 2
    assert re.fullmatch(rf"titans-mini: out '{place}.*' cannot be written: .+\n", capsys.readouterr().err)
    assert measured == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_is_one_line(tmp_path, measured, number, monkeypatch, capsys):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
    assert claims("--only", "beta", "--out", tmp_path) == 2
    assert re.fullmatch(rf"titans-mini: out .* cannot be written: {os.strerror(number)}\n", capsys.readouterr().err)
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / "results.json").exists()


def test_a_pipe_in_the_place_of_the_results_is_one_line(tmp_path, measured, capsys):
    os.mkfifo(tmp_path / "results.json")
    for flags in ((), ("--list",)):
        assert claims("--out", tmp_path, *flags) == 2
        assert "cannot be read: Not a regular file" in capsys.readouterr().err


def test_rows_are_kept_unless_asked_for_again(tmp_path, measured, capsys):
    arguments = ("--out", tmp_path, "--only", "beta", "tau")
    assert claims(*arguments) == claims(*arguments, "--size", "full") == 0
    assert measured == ["beta", "tau"] * 2
    before = (tmp_path / "results.json").read_text()
    capsys.readouterr()
    assert claims(*arguments) == claims(*arguments, "--size", "full") == 0
    assert len(measured) == 4 and capsys.readouterr().out.count("(full, kept)") == 4
    assert claims(*arguments, "--again") == 0  # small: measured, told, and not written
    assert len(measured) == 6 and capsys.readouterr().out.count("(small)") == 2
    assert (tmp_path / "results.json").read_text() == before
    assert claims(*arguments, "--again", "--size", "full") == 0
    assert "run 8" in (tmp_path / "results.json").read_text()


def test_a_small_run_without_a_folder_writes_nothing(measured, capsys):
    shipped = [path.read_bytes() if path.exists() else None for path in (report.RESULTS, ROOT / "CLAIMS.md")]
    assert claims("--only", "beta", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (
        list(printed) == ["beta"]
        and printed["beta"]["verdict"] == SHIPPED["beta"].finding.verdict
        and printed["beta"]["size"] == "small"
    )
    assert shipped == [path.read_bytes() if path.exists() else None for path in (report.RESULTS, ROOT / "CLAIMS.md")]


def test_the_list_measures_nothing(tmp_path, measured, capsys):
    (tmp_path / "results.json").write_text(to_json({"tau": row("tau")}))
    assert claims("--list", "--out", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CLAIMS) and measured == []
    by_key = {line.split(maxsplit=1)[0]: line for line in lines}
    assert (
        list(by_key) == list(CLAIMS)
        and SHIPPED["tau"].finding.verdict in by_key["tau"]
        and "not measured" in by_key["beta"]
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--only", "nothing"), "only must be one of babilong"),
        (("--size", "huge"), "size must be one of small, full"),
        (("--only", "order_small", "--runs", "nowhere"), "runs must be a folder"),
        (("--only", "order", "--out", "FILE"), "FILE.* cannot be written"),
        (("--only", "order", "--out", "BROKEN"), "not a report of claims: row tau has no tied_loss_0.1"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")
    Path("BROKEN").mkdir()
    content = seal({"format": FORMAT, "rows": {"tau": {"figures": {"best_loss": 0.3}}}})  # whole, of another version
    Path("BROKEN/results.json").write_text(json.dumps(content))
    assert claims(*arguments) == 2
    assert re.fullmatch(f"titans-mini: .*{named}.*\n", capsys.readouterr().err)


def test_outside_of_a_clone_a_full_run_needs_a_folder(tmp_path, monkeypatch, measured, capsys):
    monkeypatch.setattr("titans_course.cli.claims.ROOT", tmp_path)
    assert claims("--size", "full", "--only", "beta") == 2
    assert "out must be a folder" in capsys.readouterr().err and measured == []


def make_runs(folder, bits, seeds=(1, 2), **changes):
    """Finished runs of more seeds, of each variant and of models without memory, with their bits per byte by name."""
    for name in bits:
        for seed in seeds:
            card = unseal(json.loads((BUNDLED / f"text-{name if name in ORDER else 'mag'}.json").read_text()))
            card["training"] |= {"seed": seed, **changes}
            for row in card["results"]:
                row["bits"] = bits[name] + seed / 1000
            if name not in ORDER:  # a control is only read without memory
                card["training"] |= {"memory": "off", "steps": card["training"]["steps"] * (3 if "long" in name else 1)}
                card["results"] = [row for row in card["results"] if row["memory"] == "off"]
            (folder / f"text-{name}-{seed}").mkdir(parents=True)
            write_card(folder / f"text-{name}-{seed}" / "model.json", card)


@pytest.fixture
def no_seeds(monkeypatch, tmp_path):
    """Only the bundled models, none of the cards of other seeds that ship beside them."""
    monkeypatch.setattr("titans_course.claims.order.SEEDS", tmp_path / "no seeds")


def order_of(capsys, folder) -> dict:
    assert claims("--only", "order_small", "--runs", folder, "--json") == 0
    return json.loads(capsys.readouterr().out)["order_small"]


def test_the_order_is_judged_over_the_seeds_of_training_runs(tmp_path, capsys, no_seeds):
    make_runs(tmp_path, {"mac": 2.1, "mag": 2.2, "mal": 2.3})
    (tmp_path / "text-mac-3").mkdir()  # not finished
    row = order_of(capsys, tmp_path)
    assert row["figures"]["mag_minus_mac"]["seeds"] == 3
    assert row["figures"]["bits_mal"]["high"] >= 2.3019
    assert [reading["name"] for reading in row["readings"]] == ["variants", "same_steps", "same_time"]
    assert row["readings"][0]["verdict"] == PART  # the bundled seed 0 has another order
    shutil.rmtree(tmp_path)
    make_runs(tmp_path, {"mac": 2.3, "mag": 2.2, "mal": 2.1})
    assert order_of(capsys, tmp_path)["readings"][0]["verdict"] == FAILS


def test_models_without_memory_stand_beside_the_variants(tmp_path, capsys, monkeypatch, no_seeds):
    monkeypatch.setattr("titans_course.claims.order.SHIPPED", {})
    make_runs(tmp_path, {"mac": 2.9, "mag": 2.5, "mal": 1.5, "off": 1.8, "off-long": 1.4})
    row = order_of(capsys, tmp_path)
    _, steps, time = row["readings"]
    assert (steps["verdict"], time["verdict"], row["verdict"]) == (HOLDS, FAILS, PART)
    assert row["figures"]["same_steps_minus_best"] == pytest.approx({"mean": 0.3, "low": 0.3, "high": 0.3, "seeds": 2})
    assert row["figures"]["bits_same_time"]["mean"] == pytest.approx(1.4015)
    assert all(name in row["figures"] for reading in row["readings"] for name in reading["figures"])


def test_runs_that_were_trained_otherwise_are_refused(tmp_path, capsys):
    make_runs(tmp_path, dict.fromkeys(ORDER, 2.0), lr=0.1)
    assert claims("--only", "order_small", "--runs", tmp_path) == 2
    assert "has other settings than the training of the bundled text models" in capsys.readouterr().err
    (tmp_path / "text-mac-1" / "model.json").write_text("{}")
    assert claims("--only", "order_small", "--runs", tmp_path) == 2
    assert "is not the card of a text model" in capsys.readouterr().err


def test_cards_of_other_seeds_ship_without_weights(tmp_path, capsys, monkeypatch):
    """The row is judged over them without a folder of runs, and a run of the same seed takes the place of a card."""
    monkeypatch.setattr("titans_course.claims.order.SEEDS", tmp_path / "seeds")
    make_runs(tmp_path / "runs", {"mac": 2.1, "mag": 2.2, "mal": 2.3, "off": 2.0, "off-long": 1.9})
    (tmp_path / "seeds").mkdir()
    for run in (tmp_path / "runs").iterdir():
        (run / "model.json").rename(tmp_path / "seeds" / f"{run.name}.json")
    cards = read_cards(None)
    assert {name: sorted(by_seed) for name, by_seed in cards.items()} == dict.fromkeys((*ORDER, *CONTROLS), [0, 1, 2])
    assert examine("order_small", SIZES["full"]).finding.figures["mal_minus_mag"].seeds == 3
    make_runs(tmp_path / "again", {"mac": 9.0}, seeds=(1,))
    bits = read_cards(str(tmp_path / "again"))["mac"][1]["results"][0]["bits"]
    assert bits == pytest.approx(9.001)


def test_one_seed_proves_no_order_and_models_of_760m_are_not_here(no_seeds):
    row = examine("order_small", SIZES["full"]).finding
    assert {reading.verdict for reading in row.readings} == {row.verdict} == {UNTESTED}
    assert all("(one seed)" in reading.told for reading in row.readings)
    assert examine("order", SIZES["full"]).finding.verdict == UNTESTED


def test_the_model_of_760m_is_counted_by_hand():
    """A memory of depth 2 has two matrices of 1536 x 6144, and each further layer adds the same."""
    totals = [count(layers, (0,)) for layers in (2, 3, 4)]
    assert {fast for _, fast in totals} == {2 * 1536 * 6144} and count(3)[1] == 3 * 2 * 1536 * 6144
    step = totals[1][0] - totals[0][0]
    assert totals[2][0] - totals[1][0] == step
    layers = layers_for(PARAMETERS, (0,))
    assert abs(totals[0][0] + (layers - 2) * step - PARAMETERS) <= step / 2


def test_a_tied_gate_forgets_what_it_does_not_write():
    gate = LearnedGate(4)
    features = gate.project(torch.randn(2, 5, 4))
    own, _ = gate(None, features, None)
    tied, _ = TiedGate(gate, 0.01)(None, features, None)
    assert torch.equal(tied.theta, own.theta) and torch.allclose(tied.alpha, 0.01 * (1 - own.g_write))
    lm = load_model("recall-lmm")
    kinds = {type(layer.mixer.memory.gate) for layer in tie(lm, 0.01).layers}
    assert kinds == {TiedGate} and {type(layer.mixer.memory.gate) for layer in lm.layers} == {LearnedGate}


def test_a_process_that_fails_says_why():
    with pytest.raises(ConfigError, match="read_stream failed: .*tokens must be a whole number"):
        in_fresh_process("read_stream", 0)


def test_what_is_shipped_is_whole_and_in_full():
    results = load_results()
    assert list(results) == list(CLAIMS) and {result.size for result in results.values()} == {"full"}
    assert (ROOT / "CLAIMS.md").read_text("utf-8") == markdown(results)
    for key, (finding, *_) in results.items():
        assert CLAIMS[key].judge(finding.figures) == finding, key  # no verdict is older than its rule
