"""The benchmark: it counts operations like torch, takes medians of runs in turns, and reports what it measured."""

import argparse
import hashlib
import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as runner
from benchmarks import cases, contestants, earlier
from benchmarks.report import markdown
from titans_course.cli import bench as command
from titans_course.cli.bench import add_bench
from titans_course.studies.flops import memory_flops, training_flops
from titans_mini import MemoryConfig, NeuralMemory
from titans_mini.memory.fast import rows
from titans_mini.training.estimate import Count

CONFIGS = {
    "usual": MemoryConfig(dim=32, chunk=16),
    "heads": MemoryConfig(dim=16, heads=2, depth=3, chunk=4),
    "token_by_token": MemoryConfig(dim=16, chunk=1),
    "linear": MemoryConfig(dim=32, depth=1, conv=1),
    "recipe": MemoryConfig.preset("recipe", dim=16, expansion=2),
    "recipe_by_chunks": MemoryConfig.preset("recipe", dim=16, chunk=4),
}


def _in_place(to, first, second, *args, out_shape=None, **kwargs) -> int:
    """Operations of baddbmm_ with shapes (n, o, c) and (n, c, i), which torch's counter leaves out."""
    n, o, c = first
    return 2 * n * o * c * second[-1]


def counted(run) -> dict:
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: _in_place}) as counter:
        run()
    return counter.get_flop_counts()["Global"]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("extra", [-1, 0, 2])
def test_the_formula_counts_what_torch_counts(name, extra, monkeypatch):
    """The chunk form's products: training has the same ones in other shapes, and torch sees none of a compiled loop."""
    monkeypatch.setattr(rows, "_found", {})
    config = CONFIGS[name]
    tokens = max(1, 3 * config.chunk + extra)
    lm, x = NeuralMemory(config), torch.randn(3, tokens, config.dim)
    with torch.no_grad():
        assert sum(counted(lambda: lm(x)).values()) == memory_flops(config, 3, tokens)
        with Count() as count:  # of `train --dry-run`
            lm(x)
    assert count.flops == memory_flops(config, 3, tokens)


def test_a_backward_pass_costs_about_two_forward_ones():
    config = CONFIGS["usual"]
    lm, x = NeuralMemory(config), torch.randn(2, 96, 32, requires_grad=True)
    found = counted(lambda: lm(x)[0].sum().backward())
    assert 0.85 < sum(found.values()) / training_flops(config, 2, 96) < 1.05


TINY = dict(dim=8, chunk=4)
CASES = {
    "forward": dict(kind="speed", mode="forward", batch=2, tokens=12, rounds=1, **TINY),
    "training": dict(kind="speed", mode="training", batch=2, tokens=12, rounds=1, **TINY),
    **{
        f"memory of {name}": dict(kind="memory", mode="training", name=name, batch=2, tokens=12, **TINY)
        for name in contestants.present()
    },
    "profile": dict(kind="profile", mode="training", batch=2, tokens=12, **TINY),
    "decode": dict(kind="decode", rounds=1, **TINY),
    "busy": dict(kind="busy", mode="training", batch=2, tokens=12, rounds=1, **TINY),
    "busy decode": dict(kind="busy", mode="decode", batch=1, tokens=12, rounds=1, **TINY),
    "settings": dict(kind="settings", settings=4, sample=2, tokens=12, **TINY),
    "earlier": dict(kind="earlier", commit="HEAD", dim=8, settings=2, tokens=20, rounds=1),
    "stream": dict(kind="stream", checkpoint="recall-lmm", tokens=64),
}


@pytest.fixture(scope="module")
def results():
    found = []
    for case in CASES.values():
        settings = {name: value for name, value in case.items() if name != "kind"}
        found.append({"case": case, "result": json.loads(json.dumps(cases.KINDS[case["kind"]](**settings)))})
    return found


def test_every_kind_of_case_gives_numbers_that_can_be(results):
    for item in results:
        case, result = item["case"], item["result"]
        if case["kind"] in ("speed", "decode"):
            assert set(result["seconds"]) == set(contestants.present()) and min(result["seconds"].values()) > 0
        if case["kind"] == "speed":
            assert 0 < result["share"] < 1
            assert result["share"] == pytest.approx(result["flops"] / result["seconds"]["titans_mini"] / result["peak"])
        if case["kind"] == "memory":
            assert 0 <= result["peak_mb"] < 1000
        if case["kind"] == "profile":
            shares = list(result["largest"].values())
            assert shares == sorted(shares, reverse=True) and len(shares) == 6 and sum(shares) < 1
            assert 0 < result["products"] < 1
        if case["kind"] == "busy":
            assert min(result["alone"], result["beside"]) > 0
        if case["kind"] == "earlier" and "reason" not in result:  # a download without git has none
            assert min(result["earlier"], result["now"]) > 0
        if case["kind"] == "settings":
            assert result["each_seconds"] == pytest.approx(4 * result["one_seconds"]) and result["batch_seconds"] > 0
    by_mode = {item["case"]["mode"]: item["result"] for item in results if item["case"]["kind"] == "speed"}
    assert by_mode["training"]["flops"] == 3 * by_mode["forward"]["flops"]


@pytest.mark.parametrize("name", contestants.present())
@pytest.mark.parametrize("size", [1, 3])
def test_contestants_are_of_equal_shape(name, size):
    memory = contestants.make(name, 8 * size, 4)
    matrices = memory.memory.start if name == "titans_mini" else memory.memory.memory_model_parameters
    shapes = sorted(sorted(matrix.shape[-2:]) for matrix in matrices if matrix.dim() > 2)
    assert shapes == [[8 * size, 32 * size]] * 2
    out, state = memory(torch.randn(2, 4, 8 * size))
    assert out.shape == (2, 4, 8 * size)
    assert memory(torch.randn(2, 1, 8 * size), state)[0].shape == (2, 1, 8 * size)


def page(results, quick=True):
    machine = dict(processor="P", cores=2, threads=1, memory_gb=4.0, system="S", python="3", device="CPU")
    machine |= {"versions": {"torch": "2"}}
    return markdown({"quick": quick, "rounds": 1, "missing": 0, "machine": machine, "results": results}, "r")


def test_the_page_holds_every_result(results):
    text = page(results)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    contestant_rows = [line for line in lines if "| titans" in line]
    assert len(contestant_rows) == 3 * len(contestants.present())  # forward, training, decode
    assert "Quick sizes" in text and "Quick sizes" not in page(results, quick=False)
    assert "100% was recalled after 64 tokens" in text
    widths = {}
    for block in text.split("\n\n"):
        rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1, block
        widths[len(rows)] = True
    assert max(widths) > 2


def test_the_page_says_what_did_not_finish(results):
    broken = [{"case": CASES["forward"], "error": "out of memory"}, *results[1:]]
    text = page(broken)
    assert "Did not finish" in text and text.count("out of memory") == 2


def test_the_runner_writes_the_page_and_the_numbers(tmp_path, monkeypatch, capsys):
    small = runner.Size(widths=(), shapes=(), rounds=1, simulated=(), earlier=(), stream=32)  # one process
    monkeypatch.setitem(runner.SIZES, "quick", small)
    assert runner.main(["--quick", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "results.json").read_text())
    assert [item["case"]["kind"] for item in report["results"]] == ["stream"]
    assert torch.__version__.startswith(report["machine"]["versions"]["torch"])  # metadata may lack "+cu130"
    assert (tmp_path / "BENCHMARKS.md").read_text() + "\n" == capsys.readouterr().out


def test_an_earlier_version_that_is_not_there_is_left_out_with_the_reason(results, monkeypatch, tmp_path):
    case = CASES["earlier"] | {"commit": "no-such-commit"}
    settings = {name: value for name, value in case.items() if name != "kind"}
    found = [cases.earlier(**settings)]
    monkeypatch.setattr(earlier, "ROOT", tmp_path)
    found.append(cases.earlier(**settings | {"commit": "HEAD"}))
    monkeypatch.setenv("PATH", str(tmp_path))
    found.append(cases.earlier(**settings))
    reasons = [result["reason"] for result in found]
    assert reasons[:2] == [
        f"this folder is no clone that holds the commit {name}" for name in ("no-such-commit", "HEAD")
    ]
    assert reasons[2] == "git is not installed"
    text = page([{"case": case, "result": found[0]}, *results])
    assert "Left out" in text and reasons[0] in text and text.count("no-such-commit") == 2


def test_a_kind_without_results_has_no_table(results):
    kinds = {item["case"]["kind"] for item in results}
    assert "## Beside a busy process" in page(results) and "busy" in kinds
    assert "## Beside" not in page([item for item in results if item["case"]["kind"] != "busy"])


def test_results_of_other_kinds_are_kept(tmp_path, monkeypatch):
    numbers = tmp_path / "results.json"
    old = [{"case": {"kind": kind, "checkpoint": "c"}, "error": "old"} for kind in ("decode", "stream")]
    numbers.write_text(json.dumps({"results": old}))
    monkeypatch.setitem(
        runner.SIZES, "quick", runner.Size(widths=(), shapes=(), simulated=((8, 4),), earlier=(), stream=32)
    )
    monkeypatch.setattr(runner, "run", lambda case: {"case": case, "error": "new"})
    assert runner.main(["--quick", "--only", "stream", "--out", str(tmp_path)]) == 1
    found = json.loads(numbers.read_text())
    assert [(item["case"]["kind"], item["error"]) for item in found["results"]] == [
        ("decode", "old"),
        ("stream", "new"),
    ]
    assert found["missing"] == 1  # the settings


def test_a_case_that_breaks_is_an_error_and_not_a_number(monkeypatch):
    found = runner.run(dict(kind="stream", checkpoint="nothing", tokens=64))
    assert "result" not in found and "checkpoint must be a path" in found["error"]


def test_a_full_run_has_every_case():
    full = runner.cases(runner.SIZES["full"])
    shapes = {(case["dim"], case["tokens"], case["mode"]) for case in full if case["kind"] == "speed"}
    assert shapes == {
        (dim, tokens, mode)
        for dim in (64, 128, 256, 512)
        for tokens in (1024, 8192)
        for mode in ("forward", "training")
    }
    memory = [case for case in full if case["kind"] == "memory"]
    assert len(memory) == len(shapes) * len(contestants.present())
    busy = [case for case in full if case["kind"] == "busy"]
    assert len(busy) == len(shapes) + 4 and {case["mode"] for case in busy} == {"forward", "training", "decode"}
    assert {(case["dim"], case["settings"]) for case in full if case["kind"] == "earlier"} == {
        (dim, settings) for dim in (16, 64) for settings in (1, 100)
    }
    assert full[-1]["tokens"] == 2_000_000


def test_the_command_knows_every_kind():
    assert tuple(cases.KINDS) == command.KINDS


@pytest.mark.parametrize("more", [[], ["--missing"], ["--only", "decode", "settings"]])
def test_the_command_starts_the_runner(more, monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(command.subprocess, "call", lambda words, cwd: started.append(words) or 0)
    parser = argparse.ArgumentParser()
    add_bench(parser.add_subparsers())
    options = parser.parse_args(["bench", "--quick", "--out", str(tmp_path), *more])
    assert options.run(options) == 0
    assert started[0][1:] == ["-m", "benchmarks", "--quick", "--out", str(tmp_path), *more]


def test_a_stopped_run_continues_with_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(
        runner.SIZES, "quick", runner.Size(widths=(), shapes=(), simulated=((8, 4),), earlier=(), stream=32)
    )
    ran = []
    monkeypatch.setattr(runner, "run", lambda case: ran.append(case) or {"case": case, "error": "new"})
    whole = runner.cases(runner.SIZES["quick"])
    (tmp_path / "results.json").write_text(json.dumps({"results": [{"case": whole[0], "error": "old"}]}))
    runner.main(["--quick", "--missing", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "results.json").read_text())
    assert ran == whole[1:] and [item["error"] for item in found["results"]] == ["old", "new"] and not found["missing"]
    runner.main(["--quick", "--missing", "--out", str(tmp_path)])
    assert ran == whole[1:]  # a whole run has nothing left


def test_the_page_is_that_of_the_numbers_and_names_their_digest():
    numbers = (runner.ROOT / "benchmarks" / "results.json").read_bytes()
    page = (runner.ROOT / "BENCHMARKS.md").read_text(encoding="utf8")
    assert markdown(json.loads(numbers), "benchmarks/results.json") == page
    assert hashlib.sha256(numbers).hexdigest() in page
