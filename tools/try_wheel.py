"""Builds the wheel and tries it where nothing of the project is: `make wheel`, or `python tools/try_wheel.py`.

The sdist and the wheel go to dist/, and twine checks them. Then a new environment in a temporary folder gets the wheel
under the project's constraints, and its commands run there in an empty folder, first with no extra, so that `app` and
`lab` say what is missing, then with what they name. `app` draws its first page, `lab` answers with the copied lessons.
"""

import argparse
import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff",
           "constraints.txt", "titans_mini", "titans_course", "app", "notebooks", ".streamlit")  # fmt: skip
WAIT = 120  # seconds for a server to answer
# What needs no extra -> what its output must hold.
COMMANDS = {
    "simulate --tokens 300": "loss_end",
    "simulate --scenario text --file own.txt --tokens 300 --json": '"loss_end"',
    "train --file own.txt --steps 2 --rows 2 --size 64 --dim 32 --out runs/own --quiet": "runs/own",
    "eval --checkpoint recall-mag --task recall_once --size 64 --rows 2": '"exact": 1.0',
    "stream --tokens 3000 --quiet": "recalled",
    "tune --tokens 100 --final-tokens 200 --keep 1 --seeds 1 --tau 0.3 0.5 --beta 0.7 --lam 1e-4 --eta 1e-3 --depth 1 "
    "--quiet": "tau",
    "miras": "titans",
    "claims --only share --quiet": "share (small): ",
    "family --help": "usage:",
    "frozen --help": "usage:",
}


def build(out: Path, *kinds: str) -> list[Path]:
    """Builds into `out`: `--wheel`, `--sdist`, or by default the sdist and from it the wheel. Returns the files.

    The sources are copied first, so that nothing that an earlier build left in the project gets into this one.
    """
    with tempfile.TemporaryDirectory() as name:
        for source in SOURCES:
            path, target = ROOT / source, Path(name) / source
            if path.is_dir():
                shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif path.exists():
                shutil.copyfile(path, target)
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out.resolve()), *kinds, name]
        run(command, Path(name))
    return sorted(out.glob("titans_mini-*"))


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess:
    """Runs a command in `folder`; what it printed and the code 0, or SystemExit with its output."""
    done = subprocess.run(
        command, cwd=folder, env={**clean(), **more}, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def clean() -> dict[str, str]:
    """The environment without what would show a program this project or its settings."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "TITANS_", "STREAMLIT_", "JUPYTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class Trial:
    """A new environment and, beside it, a folder with nothing but a text."""

    def __init__(self, folder: Path, python: str) -> None:
        self.bin, self.home = folder / "venv" / ("Scripts" if os.name == "nt" else "bin"), folder / "home"
        self.home.mkdir()
        (self.home / "own.txt").write_text("one two three four five\n" * 200, encoding="utf8", newline="\n")
        run([python, "-m", "venv", str(folder / "venv")], folder)

    def pip(self, *wanted: str) -> None:
        """Installs under the project's constraints."""
        pip = [str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        self.timed(shlex.join(wanted), [*pip, "-c", str(ROOT / "constraints.txt"), *wanted])

    def timed(self, name: str, command: list[str], **more: str) -> subprocess.CompletedProcess:
        """Runs a command in the empty folder and prints how long it took."""
        began = time.monotonic()
        done = run(command, self.home, **more)
        print(f"{time.monotonic() - began:6.1f} s  {name}", flush=True)
        return done

    def command(self, arguments: str, wanted: str) -> None:
        """Runs `titans-mini ARGUMENTS`; its output has to hold `wanted`."""
        done = self.timed(f"titans-mini {arguments}", [str(self.bin / "titans-mini"), *arguments.split()], **self.own)
        if wanted not in done.stdout + done.stderr:
            raise SystemExit(f"titans-mini {arguments} does not say {wanted!r}:\n{done.stdout}{done.stderr}")

    @property
    def own(self) -> dict[str, str]:
        """A home of its own: the settings of Jupyter and Streamlit on this machine do not count, nor its language."""
        return {"HOME": str(self.home), "TITANS_MINI_LANGUAGE": "en", "OMP_NUM_THREADS": "1"}

    def refused(self, arguments: str) -> str:
        """The one line with which a command ends that cannot run here."""
        command = [str(self.bin / "titans-mini"), *arguments.split()]
        done = subprocess.run(
            command, cwd=self.home, env={**clean(), **self.own}, capture_output=True, encoding="utf-8"
        )
        if done.returncode != 2 or done.stderr.count("\n") != 1:
            raise SystemExit(f"titans-mini {arguments}: code {done.returncode}, not one line:\n{done.stderr}")
        print(f"          titans-mini {arguments}: {done.stderr.strip()}", flush=True)
        return done.stderr

    @contextmanager
    def served(self, arguments: str, path: str):
        """A server that `titans-mini ARGUMENTS` starts; yields (address, file of its stderr) once it answers."""
        from browsing import free_port

        port, log, began = free_port(), self.home / f"{arguments.split()[0]}.log", time.monotonic()
        command = [str(self.bin / "titans-mini"), *arguments.split(), "--no-browser", "--port", str(port)]
        with (
            log.open("w", encoding="utf-8") as stderr,
            subprocess.Popen(
                command, cwd=self.home, env={**clean(), **self.own}, stdout=subprocess.DEVNULL, stderr=stderr
            ) as process,
        ):
            try:
                address = f"http://127.0.0.1:{port}/"
                answered(address + path, process, log)
                print(f"{time.monotonic() - began:6.1f} s  titans-mini {arguments} answers", flush=True)
                yield address, log
            finally:
                process.terminate()


def answered(url: str, process: subprocess.Popen, log: Path) -> None:
    """Waits until a server answers with 200."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer:\n{log.read_text('utf-8')}")


async def first_page(address: str, log: Path) -> None:
    """Opens the Simulator and the claims over the websocket, as a browser does; curves come and no error."""
    from browsing import Server
    from visitors import Caller, connect

    began = time.monotonic()
    async with connect(Server(address, log, 0.0, 0)) as socket:
        caller = Caller(socket, tokens=2000)
        await caller.open()
        await caller.visit("claims")
    print(f"{time.monotonic() - began:6.1f} s  its first page and the claims are drawn", flush=True)
    if caller.errors or not caller.curves or log.read_text("utf-8"):
        raise SystemExit(f"the app's first page: {caller.errors or log.read_text('utf-8') or 'no curves'}")


def walk(trial: Trial, wheel: Path, torch_index: str) -> None:
    """Installs the wheel and runs what it offers; SystemExit with the reason where something is not as it should be."""
    if torch_index:
        trial.pip("--no-deps", "--index-url", torch_index, "torch")
    trial.pip(str(wheel))
    for arguments, wanted in COMMANDS.items():
        trial.command(arguments, wanted)
    trial.timed("python -m titans_mini miras", [str(trial.bin / "python"), "-m", "titans_mini", "miras"])
    trial.refused("bench --quick")
    for name in ("app", "lab"):
        advice = re.search(r"pip install '(titans-mini\[\w+\])'", trial.refused(name))
        trial.pip(advice[1])  # what the line says has to be enough
    with trial.served("app", "_stcore/health") as (address, log):
        asyncio.run(first_page(address, log))
    with trial.served("lab", "api") as (address, log):
        copies = len([*(trial.home / "my_lessons").rglob("*.ipynb")])
    print(f"          my_lessons holds {copies} notebooks", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter of the new environment")
    parser.add_argument("--torch-index", default="", help="package index from which torch is installed first")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for sdist and wheel, default dist")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))  # the app's visitors
    for earlier in options.out.glob("titans_mini-*"):
        earlier.unlink()
    files = build(options.out.resolve())
    print(run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)], ROOT).stdout.strip())
    print(", ".join(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB" for file in files), flush=True)
    wheel = next(file for file in files if file.suffix == ".whl")
    with tempfile.TemporaryDirectory() as name:
        walk(Trial(Path(name), options.python), wheel, options.torch_index)


if __name__ == "__main__":
    main()
