"""Writes what the app's pages show at once, measured before: `python tools/kept.py` takes 5 s.

Of the page Tuning the rows of its own search, `app/tuning/kept.jsonl`; of the page Operations its own drill from
beginning to end, `app/operations/kept.json`. With `--family`, of the page MIRAS, trainings of a minute each,
`app/miras/kept.json`, which takes five minutes. Tests measure a part of each again.
"""

import json
import sys
import tempfile
from pathlib import Path

from titans_course.studies.drill import Drill
from titans_course.studies.minute import train_for
from titans_mini.memory.fast.rows import compiled
from titans_mini.operate import LanguageEngine
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.tune import steps
from titans_mini.tune.store import Store

APP = Path(__file__).resolve().parents[1] / "app"
sys.path.insert(0, str(APP))

from miras import family as miras_family  # noqa: E402
from operations import live as operations_live  # noqa: E402
from operations.controls import DEFAULT  # noqa: E402
from tuning import runs as tuning_runs  # noqa: E402


def search() -> None:
    """The page's own search."""
    tuning_runs.KEPT_FILE.unlink(missing_ok=True)
    for _ in steps(tuning_runs.OWN, Store(tuning_runs.KEPT_FILE)):
        pass


def drill() -> None:
    """The page's own drill: its samples and events, as `operations_live.kept` reads them."""
    with tempfile.TemporaryDirectory() as folder:
        made = Drill(LanguageEngine(load_model("conv-mag")), DEFAULT, folder)
        made.advance()
    events = [event for event in made.events if event.action != "snapshot" or event.kind == "alarm"]
    record = {
        "samples": [list(sample) for sample in made.samples],
        "events": [[event.action, event.kind, event.token] for event in events],
    }
    operations_live.KEPT_FILE.write_text(json.dumps(record) + "\n", "utf8", newline="\n")


def family() -> None:
    """A minute of each rule of the page's kept file."""
    lines = [json.dumps(train_for(rule, 60)._asdict()) for rule in miras_family.KEPT_RULES]
    miras_family.KEPT_FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf8", newline="\n")


if __name__ == "__main__":
    compiled(wait=None)
    if sys.argv[1:] == ["--family"]:
        family()
    else:
        with one_thread():
            search()
            drill()
