"""Windows and macOS, as far as another system can show them: see `windows.py` for what is pretended."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from titans_mini import ConfigError, files
from titans_mini.cli import main
from titans_mini.training import processes

ROOT = Path(__file__).resolve().parents[2]
# A pipe has few letters, and to leave the encoding of a file to the system is an error.
POOR = {"PYTHONIOENCODING": "cp1252", "PYTHONWARNDEFAULTENCODING": "1"}
MINE = r"titans_mini|titans_course|operations|app|__main__"

WORK = f"""
import importlib, pkgutil, sys, warnings
import numpy, scipy, torch, safetensors, filelock, numba, tqdm
import windows
warnings.filterwarnings("error", category=EncodingWarning, module={MINE!r})
windows.pretend()
import titans_mini, titans_course
for package in (titans_mini, titans_course):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith(("__main__", "fast.recurrence")):
            importlib.import_module(found.name)
from pathlib import Path
from titans_mini import files
from titans_mini.cli import main
from titans_mini.operate import MemoryEngine, Runner, Sessions
from titans_mini.stopping import STOPS, Terminated, terminable
assert files.os.name == "nt" and not hasattr(files.os, "fork")
here, file = Path("Läufe 学习"), "Text λ.txt"
here.mkdir()
Path(file).write_bytes("Die Katze saß auf der Matte. 猫坐在垫子上。\\r\\n".encode() * 20)
small = "--variant lmm --dim 8 --heads 1 --window 4 --chunk 4 --layers 1 --rows 1 --size 4 --start-size 4".split()
def run(*words):
    assert main([*map(str, words)]) == 0, words
run("simulate", "--tokens", 40, "--width", 8, "--file", file, "--scenario", "text", "--out", here / "run.json")
for steps in (2, 2):  # the second call continues what is done
    run("train", *small, "--steps", steps, "--out", here / "train", "--device", "cpu")
run("stream", "--tokens", 2000, "--piece", 500, "--out", here / "stream", "--quiet")
run("tune", "--tau", 0.2, "--beta", 0.7, "--lam", 0.001, "--eta", 0.001, "--depth", 1, "--seeds", 1, "--tokens", 200,
    "--width", 8, "--out", here / "tune", "--quiet")
run("claims", "--list")
engine = MemoryEngine(titans_mini.NeuralMemory(titans_mini.MemoryConfig(dim=8)))
runner = Runner(engine, here / "kept")
for _ in range(8):  # more than are kept, so that some are deleted
    runner.feed(torch.randn(4, 8))
    runner.snapshots.save(runner.state)
runner.rollback(runner.snapshots.list()[-1].path.name)
for _ in range(2):
    with Sessions(here / "sessions", engine).open("ana", "notes") as session:
        session.state = engine.read(torch.randn(4, 8), session.state).state
assert not session.fresh
with files.open_regular(file) as held:  # an open file is not replaced, and the old content stays
    try:
        files.write_whole(file, "new")
    except PermissionError:
        print("refused")
files.write_whole(file, "new")
assert not list(Path().rglob("*.part")) and all(b"\\r" not in path.read_bytes() for path in here.rglob("*.csv"))
import signal
try:
    with terminable():
        signal.raise_signal(windows.OTHER["signal"]["SIGBREAK"])
except Terminated:
    print("stopped")
from operations import scratch
from titans_course.cli.lessons import copy_lessons
print(scratch.folder().parent.name)
lessons = copy_lessons(Path(sys.argv[1]), here / "my_lessons")
assert lessons and not [path for path in lessons if b"\\r" in path.read_bytes()]
"""


def in_python(code: str, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    """Runs code with the project and the tests' helpers at hand; temporary files lie in `folder`."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "app")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)} | more
    (folder / "work.py").write_text(code, "utf-8")
    command = [sys.executable, "work.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="cp1252", env=environment, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are read from /proc")
def test_the_project_runs_without_what_windows_lacks_and_where_nothing_speaks_utf_8(tmp_path):
    (tmp_path / "lessons").mkdir()
    shutil.copy(ROOT / "notebooks" / "00_tour.ipynb", tmp_path / "lessons")
    done = in_python(WORK, tmp_path, str(tmp_path / "lessons"), **POOR)
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout.splitlines()
    assert said[-3:-1] == ["refused", "stopped"] and said[-1].startswith("titans_mini-app-")
    assert not list(tmp_path.glob("titans_mini-app-*"))  # the folder of a server that has ended


@pytest.mark.parametrize("refusals", [0, 2, 3])
def test_a_file_that_another_program_has_open_is_replaced_when_it_lets_go(tmp_path, monkeypatch, refusals):
    monkeypatch.setattr(files, "TRIES", 3)
    monkeypatch.setattr(files, "PAUSE", 0.0)
    left, replace = [None] * refusals, os.replace

    def refusing(*paths):
        if left:
            left.pop()
            raise PermissionError(13, "it is being used by another process")
        replace(*paths)

    monkeypatch.setattr(os, "replace", refusing)
    files.write_whole(tmp_path / "a", b"old") if refusals < 3 else None
    if refusals == 3:
        with pytest.raises(PermissionError):
            files.write_whole(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == ["a"] * (refusals < 3)


@pytest.mark.skipif(os.name == "nt", reason="there it tries more than once")
def test_elsewhere_a_refusal_is_told_at_once(tmp_path, monkeypatch):
    calls = []

    def refuse():
        calls.append(None)
        raise PermissionError

    with pytest.raises(PermissionError):
        files.patiently(refuse)
    assert len(calls) == 1


@pytest.mark.parametrize("arguments", [["--help"], ["miras"], ["simulate", "--scenario", "none"]])
def test_a_command_without_a_terminal_runs_as_with_one(monkeypatch, arguments):
    """As `pythonw` and some services start Python."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2 * ("none" in arguments) and sys.stdout is sys.stderr is None


def test_progress_without_a_terminal_stops_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    shape = "--variant lmm --dim 8 --heads 1 --window 4 --chunk 4 --layers 1 --rows 1 --size 4 --start-size 4"
    assert main(["train", *shape.split(), "--steps", "2", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "model.json").exists()


@pytest.mark.parametrize("encoding", ["cp437", "cp936", "cp1254"])
def test_a_console_of_any_country_gets_each_text(monkeypatch, encoding):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert main(["claims", "--list"]) == 0 and main(["simulate", "--scenario", "记忆 λ é"]) == 2
    sys.stdout.flush(), sys.stderr.flush()
    assert sys.stdout.buffer.getvalue() and sys.stderr.buffer.getvalue().decode(encoding).count("\n") == 1


def test_a_torch_without_distributed_trains_in_one_process_and_says_so_for_several(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    with processes.joined():
        pass
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="^this build of torch cannot train in several processes"), processes.joined():
        pass


def test_apples_graphics_are_refused_in_one_line_wherever_they_are(monkeypatch, capsys):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert main(["simulate", "--tokens", "20", "--device", "mps"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "'mps'" in told and "cpu" in told


SPAWNED = """
import joblib
from titans_mini.tune import TuneConfig, tune

if __name__ == "__main__":  # else each process that starts would start more
    small = dict(tau=(0.1, 0.3), beta=(0.7,), lam=(1e-3,), eta=(1e-3,), depth=(1,), width=8)
    config = TuneConfig(**small, seeds=1, tokens=100, final_tokens=100)
    scores = lambda found: [row["score"] for row in found.rows]
    with joblib.parallel_config("multiprocessing"):
        assert scores(tune(config, workers=2)) == scores(tune(config))
    print(joblib.parallel.DEFAULT_MP_CONTEXT.get_start_method())
"""


def test_workers_that_inherit_nothing_give_the_same_rows(tmp_path):
    """Windows and macOS start a process afresh, so that what it gets must be picklable."""
    pytest.importorskip("joblib")
    done = in_python(SPAWNED, tmp_path, JOBLIB_START_METHOD="spawn")
    assert (done.returncode, done.stdout) == (0, "spawn\n"), done.stderr
