"""The command `claims`."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from titans_mini.cli.flags import add_command, saved_in
from titans_mini.cli.parsing import aligned
from titans_mini.errors import ConfigError, check_choice
from titans_mini.language import note, say
from titans_mini.messages import Message
from titans_mini.stopping import postponed

from .shipped import ROOT

PAGE = "CLAIMS.md"


def add_claims(commands) -> None:
    """Adds `titans-mini claims`."""
    text = "measure what the recipe article claims, row by row; the full size writes CLAIMS.md and its figures"
    command = add_command(commands, "claims", _claims, text, "json", "quiet")
    command.add_argument("--size", default="small", help="small (half a minute) or full (an hour); default small")
    command.add_argument("--only", nargs="+", default=[], metavar="KEY", help="only these rows (see --list)")
    runs = "folder of training runs text-VARIANT-SEED; needed only by the claim about the order of the variants"
    command.add_argument("--runs", help=runs)
    command.add_argument(
        "--out", help="folder for results.json and CLAIMS.md; default: the project for full; small writes nothing"
    )
    command.add_argument("--again", action="store_true", help="measure again what the folder holds at this size")
    command.add_argument("--list", action="store_true", help="print the rows and their verdicts so far")


def _claims(options: argparse.Namespace) -> int:
    from ..claims import CLAIMS, SIZES, report  # only here, since the other commands start faster without them

    size = replace(SIZES[check_choice("size", options.size, SIZES)], runs=options.runs)
    keys = [check_choice("only", key, CLAIMS) for key in options.only] or list(CLAIMS)
    files = _files(options, report.RESULTS)
    if options.list:
        _list(keys, report.load_results(files[0] if files else report.RESULTS), CLAIMS)
        return 0
    if files:
        with report.locked(files[0]):  # fails before anything is measured if the files cannot be written
            kept = report.load_results(files[0])
    else:
        kept = {}
    wanted = report.due(keys, size, kept, again=options.again)
    measured = _measure(wanted, size, files, options.quiet)
    results = {key: measured.get(key) or kept[key] for key in keys}
    if files and not measured:
        report.keep({}, *files)  # the page may have older wording
    if options.json:
        print(json.dumps({key: result.to_dict(CLAIMS[key]) for key, result in results.items()}, ensure_ascii=False))
    else:
        text = "{key} ({size}): {verdict}. {told}", "{key} ({size}, kept): {verdict}. {told}"
        for key, (finding, name, *_) in results.items():
            words = {"verdict": Message(finding.verdict), "told": finding.told}
            print(say(text[key not in measured], key=key, size=name, **words))
    return 0


def _files(options: argparse.Namespace, shipped: Path) -> tuple[Path, Path] | None:
    """Where the figures and the page are written; None: nowhere."""
    if options.out is not None:
        return Path(options.out) / shipped.name, Path(options.out) / PAGE
    if options.size == "small":
        return None
    if not (ROOT / "pyproject.toml").exists():
        raise ConfigError("out must be a folder: this is not a clone of the project, whose figures could be renewed")
    return shipped, ROOT / PAGE


def _measure(wanted: list[str], size, files: tuple[Path, Path] | None, quiet: bool) -> dict:
    """Key -> Result of the rows measured; each is saved before the next begins."""
    from ..claims import report

    measured: dict = {}
    with tqdm(total=len(wanted), disable=quiet, unit=say("claim")) as bar:
        try:
            for key in wanted:
                bar.set_description(key)
                found = report.examine(key, size)
                with postponed():  # a measured row is always saved
                    measured[key] = found
                    if files:
                        report.keep({key: found}, *files)
                bar.update()
        except KeyboardInterrupt:
            saved = saved_in(None if files is None else files[0], begun=bool(measured))
            text = "stopped after {done} of {all} claims; {saved}"
            note(text, done=len(measured), all=len(wanted), saved=saved)
            raise
    return measured


def _list(keys: list[str], kept: dict, claims: dict) -> None:
    chinese = say(Message("en")) == "zh"  # a claim has its words in both languages
    for key in keys:
        verdict = say(kept[key].finding.verdict if key in kept else "not measured yet")
        print(f"{key:16} {aligned(verdict, -22)} {claims[key].claim_zh if chinese else claims[key].claim}")
