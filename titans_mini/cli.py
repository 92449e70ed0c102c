"""`titans-mini`: the commands. Bad input ends in one line on stderr and exit code 2, never in a traceback."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from .config import (
    NORMALISER_NAMES,
    SCALE_NAMES,
    SCENARIO_NAMES,
    SIMULATION_GATE_NAMES,
    MemoryConfig,
    SimulationConfig,
)
from .data import read_text
from .errors import ConfigError, check_integer
from .simulate import simulate

ROOT = Path(__file__).resolve().parent.parent


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # argparse's own would print the usage as well
        raise ConfigError(message)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 for input that cannot be used."""
    try:
        options = _parser().parse_args(arguments)
        return options.run(options)
    except ConfigError as error:
        print(f"titans-mini: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="titans-mini", description="A neural memory that learns while it reads.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_simulate(commands)
    for name, run, text in (
        ("app", _app, "open the simulator in the browser"),
        ("lab", _lab, "open the notebooks in JupyterLab"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--port", type=int, default=None, help="port of the local server")
        command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
        command.set_defaults(run=run)
    return parser


def _add_simulate(commands) -> None:
    text = "run a stream through a memory and print the summary"
    command = commands.add_parser("simulate", help=text, description=text)
    command.set_defaults(run=_simulate)
    default = SimulationConfig()
    command.add_argument("--scenario", default=default.scenario, help=", ".join(SCENARIO_NAMES))
    command.add_argument("--file", help="read this UTF-8 text file instead of the bundled text")
    command.add_argument("--tokens", type=int, default=default.tokens)
    for name, meaning in (
        ("tau", "surprise threshold, 0..1"),
        ("beta", "momentum of surprise, 0..1"),
        ("lam", "decay per silent token (lambda), 0..1"),
        ("eta", "step size, 0..10"),
        ("softness", "width of the threshold, 0.0001..10"),
    ):
        flags = ["--lam", "--lambda"] if name == "lam" else [f"--{name}"]
        command.add_argument(*flags, dest=name, type=float, default=getattr(default, name), help=meaning)
    command.add_argument("--normaliser", default=default.normaliser, help=", ".join(NORMALISER_NAMES))
    command.add_argument("--gate", default=default.gate, help=", ".join(SIMULATION_GATE_NAMES))
    command.add_argument("--seed", type=int, default=default.seed)
    command.add_argument("--width", dest="dim", type=int, default=default.memory.dim, help="features, 1..8192")
    command.add_argument("--depth", type=int, default=default.memory.depth, help="matrices of the memory, 1..4")
    command.add_argument("--chunk", type=int, default=default.memory.chunk, help="tokens per chunk, 1..1024")
    command.add_argument("--scale", default=default.memory.scale, help=", ".join(SCALE_NAMES))
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--out", help="also write the trace to this .json or .csv file")


def _simulate(options: argparse.Namespace) -> int:
    names = ("scenario", "tokens", "tau", "beta", "lam", "eta", "softness", "normaliser", "gate", "seed")
    shape = {name: getattr(options, name) for name in ("dim", "depth", "chunk", "scale")}
    settings = {name: getattr(options, name) for name in names}
    config = SimulationConfig(**settings, memory=MemoryConfig.preset("recipe", **shape))
    if options.file is not None and options.scenario != "text":
        raise ConfigError(f"file goes with the scenario text alone, not {options.scenario!r}")
    out = _output(options.out)
    trace = simulate(config, None if options.file is None else read_text(options.file))
    if out is not None:
        _write(trace.to_json() if out.suffix == ".json" else trace.to_csv(), out)
    summary = {**trace.summary(), "settings": config.to_dict()}
    if options.json:
        print(json.dumps(summary))
    else:
        for name, value in trace.summary().items():
            print(f"{name:14} {value:.4g}" if isinstance(value, float) else f"{name:14} {value}")
    return 0


def _output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".json", ".csv"):
        raise ConfigError(f"out must end in .json or .csv, not {path.name!r}")
    return path


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise ConfigError(f"out {str(path)!r} cannot be written: {error.strerror}") from None


def _app(options: argparse.Namespace) -> int:
    port = _port(options)
    _require("streamlit", "app")
    command = [sys.executable, "-m", "streamlit", "run", str(_find("app/streamlit_app.py"))]
    command += ["--server.headless", str(options.no_browser).lower()]
    return subprocess.call(command + [f"--server.port={port}"] * (port is not None), cwd=ROOT)


def _lab(options: argparse.Namespace) -> int:
    port = _port(options)
    _require("jupyterlab", "notebooks")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={_find('notebooks')}"]
    command += ["--no-browser"] * options.no_browser
    return subprocess.call(command + [f"--ServerApp.port={port}"] * (port is not None), cwd=ROOT)


def _port(options: argparse.Namespace) -> int | None:
    return None if options.port is None else check_integer("port", options.port, 1, 65535)


def _require(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(f"{module} is not installed; run: pip install 'titans-mini[{extra}]'")


def _find(name: str) -> Path:
    if not (ROOT / name).exists():
        raise ConfigError(f"{name} is not here; run this from a clone of the project")
    return ROOT / name


if __name__ == "__main__":
    sys.exit(main())
