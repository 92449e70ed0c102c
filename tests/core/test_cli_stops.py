"""Commands under signals, on any terminal, and on a machine that is too small."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from titans_mini import DivergenceError, TitansConfig
from titans_mini.cli import main, printable
from titans_mini.kept import unpack
from titans_mini.stopping import Terminated
from titans_mini.training.progress import FILE
from titans_mini.training.tasks import TASKS
from titans_mini.training.train import TrainConfig, Trainer

MODEL = TitansConfig(variant="lmm", vocab_size=TASKS["recall"].vocab_size, dim=8, heads=1, window=4, chunk=4, layers=1)
SHAPE = [
    "--variant",
    "lmm",
    "--dim",
    "8",
    "--heads",
    "1",
    "--window",
    "4",
    "--chunk",
    "4",
    "--layers",
    "1",
    "--rows",
    "1",
    "--size",
    "4",
    "--start-size",
    "4",
]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
TORCH = """
import sys
import time
sys.stdout.write("importing\\n")
sys.stdout.flush()
time.sleep(60)
"""


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_torch_is_imported_ends_at_once_without_a_word(tmp_path, number):
    (tmp_path / "torch.py").write_text(TORCH)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); " + START]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (CODES[number], "")


START = "from titans_mini.cli import main; sys.argv = ['titans-mini', 'miras']; sys.exit(main())"


@pytest.mark.parametrize("number", CODES)
def test_a_stopped_training_saves_says_how_to_continue_and_continues(tmp_path, number, monkeypatch, capsys):
    arguments = ["train", *SHAPE, "--steps", "4", "--save-every", "1000", "--quiet", "--out", str(tmp_path / "out")]
    step = Trainer._one_step

    def signalled(self, stop):
        if self.step == 2:
            signal.raise_signal(number)
        return step(self, stop)

    monkeypatch.setattr(Trainer, "_one_step", signalled)
    assert main(arguments) == CODES[number]
    told = capsys.readouterr().err
    assert told == (
        f"titans-mini: stopped; 3 of 4 steps are saved in {tmp_path / 'out'}; run the same command again to continue\n"
    )
    monkeypatch.undo()
    config = TrainConfig(steps=4, rows=1, size=4, start_size=4, save_every=1000)
    whole = Trainer(MODEL, config, tmp_path / "whole").run(quiet=True)
    rest = Trainer(MODEL, config, tmp_path / "out")
    assert rest.step == 3
    pairs = zip(rest.run(quiet=True).parameters(), whole.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def steps_kept(folder) -> int:
    """The step whose state is on the disk."""
    return json.loads(unpack((folder / FILE).read_bytes())[1]["run"])["step"] if (folder / FILE).exists() else -1


def test_a_real_signal_stops_a_real_training(tmp_path):
    command = [sys.executable, "-m", "titans_mini", "train", *SHAPE, "--steps", "1000000", "--quiet"]
    process = subprocess.Popen([*command, "--out", str(tmp_path)], stderr=subprocess.PIPE, text=True)
    while steps_kept(tmp_path) < 100 and process.poll() is None:
        time.sleep(0.05)
    process.terminate()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 143 and told.count("\n") == 1, told
    assert f"stopped; {steps_kept(tmp_path)} of 1000000 steps are saved" in told
    assert "model.json" not in os.listdir(tmp_path)


@pytest.mark.parametrize("number", CODES)
def test_any_command_ends_with_the_code_of_its_signal(monkeypatch, capsys, number):
    monkeypatch.setattr("titans_mini.cli.commands.simulate", lambda *_, **__: signal.raise_signal(number))
    before = signal.getsignal(number)
    assert main(["simulate"]) == CODES[number]
    assert capsys.readouterr() == ("", "") and signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"),
            "not enough memory",
        ),
        (torch.OutOfMemoryError("CUDA out of memory."), "not enough memory"),
        (DivergenceError("the memory diverged at token 3", 3), "the memory diverged at token 3"),
        (OSError(28, "No space left on device", "x"), "x: No space left on device"),
    ],
)
def test_what_the_machine_cannot_do_is_one_line(monkeypatch, capsys, error, told):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("titans_mini.cli.commands.simulate", fail)
    assert main(["simulate"]) == 2
    printed = capsys.readouterr()
    assert told in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_other_errors_of_torch_stay_errors(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr("titans_mini.cli.commands.simulate", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["simulate"])


LIMITED = """
import resource
import sys
from titans_mini.cli import main
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of the address space")
@pytest.mark.parametrize(
    "arguments",
    [
        "eval --checkpoint text-mag --size 10000000 --rows 1000",
        "simulate --tokens 10000000 --width 1024",
    ],
)
def test_what_is_too_large_for_the_memory_is_one_line(arguments):
    command = [sys.executable, "-c", LIMITED, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr == (
        "titans-mini: this machine has not enough memory for that; choose smaller sizes\n"
    )


def terminal(monkeypatch, encoding):
    """Puts terminals of an encoding in the place of stdout and stderr; returns what reads them."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])

    def read():
        for stream in streams:
            stream.flush()
        return [stream.buffer.getvalue().decode(encoding) for stream in streams]

    return read


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_of_any_text_is_whole_on_any_terminal(monkeypatch, encoding):
    read, content = terminal(monkeypatch, encoding), {"λ": "é — 记忆 😀", "lone": "\udcff"}
    with printable():
        print(json.dumps(content, ensure_ascii=False))
    assert json.loads(read()[0]) == content
    assert sys.stdout.errors == "strict"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["simulate", "--help"], 0),
        (["miras"], 0),
        (["claims", "--list"], 0),
        (["claims", "--list", "--only", "λ"], 2),
        (["simulate", "--tokens", "20", "--width", "8", "--json"], 0),
        (["simulate", "--scenario", "记忆"], 2),
        (["eval", "--checkpoint", "é\udcff"], 2),
        (["λ"], 2),
    ],
)
def test_no_command_fails_on_a_terminal_of_few_letters(monkeypatch, encoding, arguments, code):
    read = terminal(monkeypatch, encoding)
    try:
        assert main(arguments) == code
    except SystemExit as end:  # --help
        assert end.code in (code, None)
    out, err = read()
    assert (err.count("\n") == 1 and err.startswith("titans-mini: ")) if code else out and not err


def test_a_full_disk_behind_the_output_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("no device that is always full")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "titans_mini", "simulate", "--tokens", "20", "--width", "8"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "titans-mini: No space left on device\n")


def test_a_terminated_command_is_an_interrupted_one():
    assert issubclass(Terminated, KeyboardInterrupt)
