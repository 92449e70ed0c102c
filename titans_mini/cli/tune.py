"""The command `tune`."""

import argparse
import importlib.util
import json
from importlib.metadata import entry_points
from pathlib import Path

from tqdm import tqdm

from ..data import read_text
from ..devices import usable_device
from ..errors import ConfigError
from ..files import write_whole, writing_to
from ..language import note, say
from ..tune import TuneConfig, Tuning, tune
from ..tune.cluster import on_dask
from ..tune.search import ROWS_FILE
from ..tune.store import Setting, setting_of, to_csv
from .flags import add_command, add_flags, given, saved_in
from .parsing import aligned

SHOWN = ("mean", "spread", "behind", "writes_per_1k")


def add_tune(commands) -> None:
    """Adds `titans-mini tune`."""
    text = "search tau, beta, lambda, eta and depth: all settings on a short stream, the best few on a long one"
    command = add_command(commands, "tune", _tune, text, "file", "device", "json", "quiet")
    add_flags(command, TuneConfig())
    command.add_argument(
        "--workers", type=int, default=1, help="processes; more than 1 needs joblib (1 to 1,024; default 1)"
    )
    command.add_argument("--dask", help="Dask scheduler whose workers do the work, such as tcp://localhost:8786")
    command.add_argument("--out", help="folder of rows and tables; run the same command again to continue")
    command.add_argument("--maps", action="store_true", help="also write maps.html to the folder (needs plotly)")


def _tune(options: argparse.Namespace) -> int:
    config = TuneConfig(**given(options, TuneConfig.__dataclass_fields__))
    if options.maps and options.out is None:
        raise ConfigError("--maps can only be used with --out, the folder to write to")
    if options.maps and sum(len(getattr(config, name)) > 1 for name in Setting._fields) < 2:
        raise ConfigError("--maps needs at least 2 of tau, beta, lam, eta and depth with 2 values or more")
    if options.maps and importlib.util.find_spec("plotly") is None:
        raise ConfigError("plotly is not installed; run: pip install 'titans-mini[app]'")
    usable_device(options.device)  # before there is a progress bar
    text = None if options.file is None else read_text(options.file)
    if options.dask is not None:
        options.workers = max(options.workers, 2)  # not in this process; how many there are is Dask's affair
    with on_dask(options.dask):
        found = _search(config, options, text)
    if options.out is not None:
        write(found, Path(options.out), maps=options.maps)
    print(json.dumps(summary(found)) if options.json else describe(found))
    return 0


def _search(config: TuneConfig, options: argparse.Namespace, text: str | None) -> Tuning:
    """Searches with a progress bar. If stopped, prints what is saved and how to continue."""
    reached = 0
    with tqdm(total=config.cost().two_stage, disable=options.quiet, unit=say("token"), unit_scale=True) as bar:

        def show(done: int, total: int, stage: str) -> None:
            nonlocal reached
            reached = done
            bar.set_description(say(stage), refresh=False)
            bar.update(done - bar.n)

        try:
            return tune(config, text=text, folder=options.out, progress=show, **given(options, ("workers", "device")))
        except KeyboardInterrupt:
            saved = saved_in(Path(options.out) / ROWS_FILE if options.out else None, begun=reached > 0)
            note("stopped after {done} of {all} updates; {saved}", done=reached, all=bar.total, saved=saved)
            raise


def summary(found: Tuning) -> dict:
    """The search as plain JSON types: the verdict, the best setting, the price and both tables."""
    return {
        "objective": found.config.objective,
        "verdict": found.verdict(),
        "complete": found.complete,
        "best": found.best,
        "cost": {**found.config.cost()._asdict(), "seconds": round(sum(row["seconds"] for row in found.rows), 3)},
        "coarse": found.table("coarse"),
        "final": found.table("final"),
    }


def describe(found: Tuning) -> str:
    """The last stage, the price and the verdict as a few lines of text, in the language of the command."""
    lines = ["".join(aligned(name, 14) for name in (*Setting._fields, *map(say, (*SHOWN, "tie"))))]
    for line in found.table("final"):
        cells = [*setting_of(line), *(line[name] for name in SHOWN)]
        tie = say({True: "yes", False: "no", None: "unknown"}[line["tie"]])
        numbers = "".join(f"{'-' if cell is None else format(cell, '.4g'):>14}" for cell in cells)
        lines.append(numbers + aligned(tie, 14))
    text = "{two_stage:,} token updates instead of {full:,}: {saved:.0%} saved"
    lines.append(say(text, **found.config.cost()._asdict()))
    return "\n".join([*lines, say(found.verdict())])


def write(found: Tuning, folder: Path, *, maps: bool = False) -> None:
    """coarse.csv, final.csv and, for `maps`, maps.html in the folder, each written atomically."""
    with writing_to("out", folder):
        for stage in ("coarse", "final"):
            write_whole(folder / f"{stage}.csv", to_csv(found.table(stage)))
        if maps:
            (heat_maps,) = (joined.load() for joined in entry_points(group="titans_mini.figures", name="heat_maps"))
            page = heat_maps(found.table("coarse"), found.config.objective).to_html(include_plotlyjs=True)
            write_whole(folder / "maps.html", page)
