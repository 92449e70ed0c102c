"""Writes the measured figures of benchmarks/deploy.json into DEPLOY.md: `python tools/deploy_figures.py`.

They stand between two comments there. `tools/load.py` measures them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = ROOT / "benchmarks" / "deploy.json"
PAGE = ROOT / "DEPLOY.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def table(figures: dict) -> str:
    """The figures as DEPLOY.md shows them."""
    runs = figures["pauses"]
    rows = {
        f"{figures['sessions']} sessions, {figures['tokens']:,} tokens, {figures['seconds']} seconds": [
            f"a move every {run['pause']} s" for run in runs
        ],
        "---": ["---"] * len(runs),
        "over the websocket: median, 95th percentile": [_times(run["callers"]) for run in runs],
        "in Chromium: median, 95th percentile": [_times(run["pages"]) for run in runs],
        "pictures that differ from those of a run alone": [f"{run['differ']} of {run['moves']}" for run in runs],
        "errors in server and pages": [str(run["errors"] or "none") for run in runs],
        "server's processor time per move": [f"{run['seconds_a_move']:g} s" for run in runs],
        "server's memory: at its start, with all sessions open, at the end": [
            ", ".join(f"{size:g}" for size in run["memory_mb"]) + " MB" for run in runs
        ],
    }
    lines = ["| " + " | ".join([name, *cells]) + " |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n\n" + _dropped(figures["dropped"]) + _wander(figures.get("wander"))


def page(text: str, figures: dict) -> str:
    """DEPLOY.md with these figures."""
    before, _, rest = text.partition(BEGIN)
    digest = hashlib.sha256(to_json(figures).encode()).hexdigest()
    seal = f"SHA-256 of `benchmarks/deploy.json`: `{digest}`\n"
    return before + BEGIN + table(figures) + "\n" + seal + END + rest.partition(END)[2]


def to_json(figures: dict) -> str:
    """The content of benchmarks/deploy.json."""
    return json.dumps(figures, indent=1) + "\n"


def _times(times: dict) -> str:
    return f"{times['median']:g} s, {times['p95']:g} s"


def _dropped(gone: dict) -> str:
    counts, sizes = list(gone["memory_mb"]), [f"{size:g}" for size in gone["memory_mb"].values()]
    return (
        f"After {', '.join(counts[:-1])} and {counts[-1]} sessions that used two pages and vanished, the server held "
        f"{', '.join(sizes[:-1])} and {sizes[-1]} MB.\nThe server was told to keep a session for {gone['kept_seconds']} "
        f"seconds: after that, {gone['left']} of {gone['sessions']} were left.\n"
    )


def _wander(found: dict | None) -> str:
    if found is None:
        return ""
    return (
        f"{found['sessions']} sessions that opened all pages from the first second of the server saw "
        f"{found['error_pages']} error pages in {found['visits']} visits.\n"
    )


def main() -> None:
    """Writes the figures into DEPLOY.md."""
    figures = json.loads(NUMBERS.read_text("utf8"))
    PAGE.write_text(page(PAGE.read_text("utf8"), figures), "utf8")


if __name__ == "__main__":
    main()
