"""The measured figures of DEPLOY.md from benchmarks/deploy.json: `python tools/deploy_figures.py` writes them there.

They stand between two comments. `tools/load.py` measures them.
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
    """The figures as they stand in DEPLOY.md."""
    runs = figures["pauses"]
    rows = {
        f"{figures['sessions']} sessions, {figures['tokens']:,} tokens, {figures['seconds']} seconds": [
            f"a move every {run['pause']} s" for run in runs
        ],
        "---": ["---"] * len(runs),
        "over the websocket: median, 95th percentile": [_times(run["callers"]) for run in runs],
        "in Chromium: median, 95th percentile": [_times(run["pages"]) for run in runs],
        "pictures that differ from a run alone": [f"{run['differ']} of {run['moves']}" for run in runs],
        "errors of server and pages": [str(run["errors"] or "none") for run in runs],
        "processor time of the server for a move": [f"{run['seconds_a_move']:g} s" for run in runs],
        "its memory: at its start, with all open, at the end": [
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
    """The file of the figures."""
    return json.dumps(figures, indent=1) + "\n"


def _times(times: dict) -> str:
    return f"{times['median']:g} s, {times['p95']:g} s"


def _dropped(gone: dict) -> str:
    counts, sizes = list(gone["memory_mb"]), [f"{size:g}" for size in gone["memory_mb"].values()]
    return (
        f"After {', '.join(counts[:-1])} and {counts[-1]} sessions that used two pages and vanished, the server held "
        f"{', '.join(sizes[:-1])} and {sizes[-1]} MB.\nOf {gone['sessions']} such sessions {gone['left']} were left "
        f"after the {gone['kept_seconds']} seconds for which the server kept them.\n"
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
