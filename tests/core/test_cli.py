"""The command line: one JSON object, one line for bad input, exit code 2."""

import json
import re
import subprocess
import sys

import pytest

from titans_mini import MemoryConfig, SimulationConfig, TitansConfig, Trace
from titans_mini.cli import main
from titans_mini.cli.flags import spellings
from titans_mini.settings import comments, limits
from titans_mini.stream import StreamConfig
from titans_mini.training.train import TrainConfig
from titans_mini.tune import TuneConfig

QUICK = ["simulate", "--tokens", "60", "--width", "8"]


def test_json_is_one_object_with_the_promised_names(capsys):
    assert main([*QUICK, "--json"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    promised = {"writes_per_1k", "mean_surprise", "norm_start", "norm_end", "loss_start", "loss_end", "seconds"}
    assert promised <= set(summary) and summary["settings"]["tau"] == 0.3
    assert printed.out.count("\n") == 1 and printed.err == ""


def test_plain_output_is_a_line_a_number(capsys):
    assert main(QUICK) == 0
    assert "writes_per_1k" in capsys.readouterr().out


def test_a_dead_memory_is_named_in_plain_output_and_in_json(capsys):
    assert main(["simulate", "--lam", "1e-2"]) == 0
    assert re.search(r"^state +dead$", capsys.readouterr().out, re.M)
    found = {}
    for lam in ("1e-2", "1e-4"):
        assert main(["simulate", "--tokens", "1000", "--lam", lam, "--json"]) == 0
        found[lam] = json.loads(capsys.readouterr().out)
    assert (found["1e-2"]["state"], found["1e-4"]["state"]) == ("dead", "alive")
    assert 0 < found["1e-2"]["dead_at"] < 1000 and found["1e-4"]["dead_at"] is None


@pytest.mark.parametrize("flags", [["--lambda", "0.01"], ["--lam", "0.01"]])
def test_lambda_goes_by_both_names(capsys, flags):
    main([*QUICK, *flags, "--json"])
    assert json.loads(capsys.readouterr().out)["settings"]["lam"] == 0.01


def test_simulate_reads_with_the_encoding_that_it_is_given(capsys):
    losses = {}
    for encoding in ("fixed", "conv-mag"):
        assert main(["simulate", "--tokens", "60", "--encoding", encoding, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["settings"].get("encoding", "fixed") == encoding
        losses[encoding] = printed["loss_end"]
    assert losses["fixed"] != losses["conv-mag"]


def test_decay_towards_the_start_keeps_a_memory_alive_that_decay_to_zero_clears(capsys):
    norms = []
    for decay in ("zero", "start"):
        assert main(["simulate", "--tokens", "1500", "--lam", "0.02", "--width", "8", "--decay", decay, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        norms.append(found["norm_end"] / found["norm_start"])
    assert norms[0] < 1e-3
    assert 0.5 < norms[1] < 2


@pytest.mark.parametrize("name", ["out.json", "out.csv"])
def test_out_writes_a_trace_that_can_be_read(tmp_path, name, capsys):
    path = tmp_path / name
    assert main([*QUICK, "--out", str(path)]) == 0
    read = Trace.from_json if path.suffix == ".json" else Trace.from_csv
    assert len(read(path)) == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["simulate", "--tau", "7"], "tau must be a number from 0 to 1"),
        (["simulate", "--tau", "nan"], "tau must be a number from 0 to 1"),
        (["simulate", "--tau", "high"], "invalid float value: 'high'"),
        (["simulate", "--eta", "inf"], "eta must be a number from 0 to 10"),
        (["simulate", "--tokens", "0"], "tokens must be a whole number from 1"),
        (["simulate", "--tokens", "1e3"], "invalid int value"),
        (["simulate", "--depth", "9"], "depth must be a whole number from 1 to 4"),
        (["simulate", "--scenario", "dna"], "scenario must be one of text, steady"),
        (["simulate", "--decay", "half"], "decay must be one of zero, start"),
        (["simulate", "--normaliser", "x"], "normaliser must be one of excess"),
        (["simulate", "--encoding", "x"], "encoding must be one of fixed, conv-mag, conv-mag-surprise, not 'x'"),
        (["simulate", "--encoding", "conv-mag", "--width", "8"], "dim must be 64 with encoding conv-mag, not 8"),
        (["simulate", "--file", "no-such-file.txt"], "cannot be read"),
        (["simulate", "--file", "x", "--scenario", "noise"], "--file can only be used with --scenario text"),
        (["simulate", "--out", "trace.xlsx"], "out must end in .json or .csv"),
        ([*QUICK, "--out", "no-such-folder/x.csv"], "cannot be written"),
        (["train", "--out", "x", "--memory-layers", "0", "7"], "memory_layers must be a whole number from 0 to 1"),
        (["train", "--out", "x", "--memory-heads", "3"], "memory_heads must divide dim"),
        (["train", "--out", "x", "--persistent", "0"], "persistent must be a whole number from 1 to 1024"),
        (["app", "--port", "99999999"], "port must be a whole number from 1 to 65535"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""


@pytest.mark.parametrize("content", [b"", b"\0\1binary", "snow".encode("utf-16"), b"\xff\xfe\xfd"])
def test_bad_files_end_in_one_line(tmp_path, content, capsys):
    path = tmp_path / "input.txt"
    path.write_bytes(content)
    assert main(["simulate", "--file", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_python_m_is_the_same_command():
    command = [sys.executable, "-m", "titans_mini", *QUICK, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and json.loads(done.stdout)["tokens"] == 60
    done = subprocess.run([*command, "--tau", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_a_missing_extra_names_the_install_line(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["app"]) == 2
    assert "pip install 'titans-mini[app]'" in capsys.readouterr().err


# Command -> the settings that it sets, and those fields of them that are no flag.
SETTINGS = {
    "simulate": {
        SimulationConfig: {"memory"},
        MemoryConfig: {"heads", "expansion", "activation", "clip", "conv", "gate", "reach", "key_width", "momentum"},
    },
    "train": {TitansConfig: {"vocab_size"}, TrainConfig: set()},
    "tune": {TuneConfig: set()},
    "stream": {StreamConfig: set()},
}


@pytest.mark.parametrize("command", SETTINGS)
def test_every_flag_of_a_setting_says_what_it_means_its_range_and_its_default(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for settings, hidden in SETTINGS[command].items():
        meanings = comments(settings)
        assert set(meanings) >= set(settings.__dataclass_fields__) - hidden
        for name in set(settings.__dataclass_fields__) - hidden - {"memory_layers", "reach", "copy", "momentum"}:
            assert f"{spellings('width' if name == 'dim' and command == 'simulate' else name)[-1]} " in shown
            bounds = limits(settings, name)
            if len(bounds) == 2:
                assert f"{meanings[name]} ({bounds[0]:g} to " in shown
            else:
                assert meanings[name] + (f" ({', '.join(bounds[0])}; default " if bounds else "") in shown


def test_commands_are_listed_in_a_fixed_order(capsys):
    """Those of the core in the order of use, then those that join it in alphabetical order."""
    with pytest.raises(SystemExit):
        main(["--help"])
    found = re.findall(r"^ {4}(\w+) ", capsys.readouterr().out, re.M)
    own = ["simulate", "train", "tune", "stream", "miras"]
    assert found == [*own, "app", "bench", "claims", "eval", "family", "frozen", "lab"]


def test_a_range_is_shown_as_it_is_checked(capsys):
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "surprise threshold of the write gate (0 to 1; default 0.3)" in shown
    assert "bytes to read (1 to 10,000,000; default 2000)" in shown
    assert "(surprise, constant; default surprise)" in shown
