"""Writes the measured tables of README.md and DEPLOY.md: `python tools/tables.py`. A test compares both.

Each table stands between two comments, `<!-- table NAME -->` and `<!-- end -->`. The README's come from the cards of
trained models: a card in titans_mini/checkpoints belongs to weights that ship, and those in its folder `seeds` hold the
results of the same training from other seeds. DEPLOY's come from benchmarks/deploy.json, measured by `tools/load.py`.
"""

import hashlib
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from titans_course.studies.evidence import RECALLED

ROOT = Path(__file__).resolve().parents[1]
CARDS = ROOT / "titans_mini" / "checkpoints"
NUMBERS = ROOT / "benchmarks" / "deploy.json"
NAMES = {"mag": "MAG", "mal": "MAL", "mac": "MAC", "lmm": "LMM"}
CONTROL, MISSING = "trained without memory", "–"
CONTEXTS = (64, 4096, 16_384)  # bytes


def cards(name: str) -> list[dict]:
    """The cards of one training from seeds 0, 1, 2 ..., the shipped one first."""
    paths = [*CARDS.glob(f"{name}.json"), *sorted((CARDS / "seeds").glob(f"{name}-[0-9].json"))]
    return [json.loads(path.read_text("utf-8")) for path in paths]


def result(card: dict, **wanted) -> dict | None:
    """The first result of a card with these entries."""
    found = (row for row in card["results"] if all(row.get(key) == value for key, value in wanted.items()))
    return next(found, None)


def cell(name: str, show: Callable[[dict], str], **wanted) -> str:
    """One number for each seed."""
    rows = [result(card, **wanted) for card in cards(name)]
    return ", ".join(show(row) for row in rows if row) or MISSING


def percent(row: dict) -> str:
    """The share of single answers that are right: 100, 99.8."""
    return f"{100 * row['accuracy']:.1f}".removesuffix(".0") + "%"


COLUMNS = {  # those of `evidence.RECALLED` that the README shows; the Variants page has all of them
    "near": "8 facts, gap 2,048",
    "far": "8 facts, gap 65,536",
    "overwritten": "overwritten values",
    "many": "32 facts",
}


def recall_table() -> list[list[str]]:
    """Share of values recalled: each variant, and the control trained without memory; seeds 0, 1, 2."""

    def row(title: str, name: str, mode: str) -> list[str]:
        return [title, *(cell(name, percent, memory=mode, **RECALLED[column]) for column in COLUMNS)]

    variants = [row(title, f"recall-{key}", "on") for key, title in NAMES.items()]
    return [["", *COLUMNS.values()], *variants, row(CONTROL, "recall-off", "off")]


TEXTS = ("mag", "mal", "mac", "lmm", "mag-surprise")
_, MANY, ALL = CONTEXTS


def measured(name: str, entry: str, field: str, mode: str, **wanted) -> list[float]:
    """One number of an entry of each seed's card, for a memory mode."""
    rows = [
        next((row for row in card.get(entry, ()) if {**wanted, "memory": mode}.items() <= row.items()), None)
        for card in cards(name)
    ]
    return [row[field] for row in rows if row]


def text_table() -> list[list[str]]:
    """Bits per byte of the same held-out bytes after more and more context, and what own past and a return save."""
    head = ["", "steps", "time of a step", *(f"after {size:,} bytes" for size in CONTEXTS)]
    rows = [[*head, "saved by own past", "saved at a return"]]
    models = [(f"text-{key}", f"`text-{key}`", "on") for key in TEXTS]
    models += [("conv-mag", "`conv-mag`: keys of a convolution", "on")]
    for name, title in (("text-off", "same steps"), ("text-off-long", "same time")):
        models += [(name, f"{CONTROL}, {title}", "off"), (name, "the same, with an n-gram cache", "cache")]
    control = cards("text-off")[0]
    for name, title, mode in models:
        card = cards(name)[0]
        bits = [measured(name, "context", "bits", mode, context=size) for size in CONTEXTS]
        saved = [measured(name, entry, "saved", mode) for entry in ("swap", "return")]
        alike = card["training"]["size"] == control["training"]["size"]
        time = f"{card['step_cpu_seconds'] / control['step_cpu_seconds']:.1f}" if alike else MISSING
        effort = [str(card["training"]["steps"]), time]
        shown = [", ".join(f"{round(value, 2) + 0.0:.2f}" for value in values) or MISSING for values in (*bits, *saved)]
        rows.append([title, *effort, *shown])
    return rows


def verdict() -> str:
    """What the controls say about text, computed from the cards."""

    def mean(name: str, mode: str, size: int = MANY) -> float:
        found = measured(name, "context", "bits", mode, context=size)
        return fmean(found)

    def share(control: str) -> float:
        return (mean(control, "off") - mean("text-mag", "on")) / (mean(control, "off") - mean(control, "cache"))

    swap, back = (measured("text-mag", entry, "saved", "on") for entry in ("swap", "return"))
    many, full = (measured("text-mag", "context", "bits", "on", context=size) for size in (MANY, ALL))
    rise = [after - before for before, after in zip(many, full, strict=True)]
    return " ".join(
        [
            f"`text-mag` needs {mean('text-mag', 'on'):.2f} bits after {MANY:,} bytes of context, the control "
            f"{mean('text-off', 'off'):.2f} after the same steps and {mean('text-off-long', 'off'):.2f} after the same "
            f"time. The memory brings {share('text-off'):.0%} and {share('text-off-long'):.0%} of what an n-gram "
            "cache brings to these controls.",
            f"After its own past a stretch costs {min(swap):.2f} to {max(swap):.2f} bits less than after another "
            f"place's, and a passage of 256 bytes that returns after 1,024 others {min(back):.2f} to {max(back):.2f}.",
            f"From {MANY:,} to {ALL:,} bytes the bits rise by {min(rise):.2f} to {max(rise):.2f}, since new pairs "
            "disturb the old ones.",
        ]
    )


def needle_table() -> list[list[str]]:
    """Share of whole codes that are right, mean and range over five seeds of the evaluation."""
    sizes = sorted({row["size"] for row in cards("needle-mag")[0]["results"] if "seed" in row})
    rows = []
    for name, mode, title in (("needle-mag", "on", "`needle-mag`"), ("needle-off", "off", CONTROL)):
        found = [row for row in cards(name)[0]["results"] if "seed" in row and row["memory"] == mode]
        shares = [[100 * row["exact"] for row in found if row["size"] == size] for size in sizes]
        rows.append([title, *(f"{fmean(v):.0f}% ({min(v):.0f} to {max(v):.0f})" for v in shares)])
    return [["bytes of text", *(f"{size:,}" for size in sizes)], *rows]


def load_table() -> list[list[str]]:
    """What many visitors at once cost, a column for each pause between two moves of a visitor."""
    figures = json.loads(NUMBERS.read_text("utf-8"))

    def times(of: dict) -> str:
        return f"{of['median']:g} s, {of['p95']:g} s"

    rows = {
        f"{figures['sessions']} sessions, {figures['tokens']:,} tokens, {figures['seconds']} seconds": (
            lambda run: f"a move every {run['pause']} s"
        ),
        "over the websocket: median, 95th percentile": lambda run: times(run["callers"]),
        "in Chromium: median, 95th percentile": lambda run: times(run["pages"]),
        "pictures that differ from those of a run alone": lambda run: f"{run['differ']} of {run['moves']}",
        "errors in server and pages": lambda run: str(run["errors"] or "none"),
        "server's processor time per move": lambda run: f"{run['seconds_a_move']:g} s",
        "server's memory: at its start, with all sessions open, at the end": (
            lambda run: ", ".join(f"{size:g}" for size in run["memory_mb"]) + " MB"
        ),
    }
    return [[name, *map(show, figures["pauses"])] for name, show in rows.items()]


def load_notes() -> str:
    """What vanished sessions leave behind, whether a cold server fails, and the checksum of the numbers."""
    figures = json.loads(NUMBERS.read_text("utf-8"))
    gone, found = figures["dropped"], figures["wander"]
    *counts, last = gone["memory_mb"]
    *sizes, end = (f"{size:g}" for size in gone["memory_mb"].values())
    return (
        f"After {', '.join(counts)} and {last} sessions that used two pages and vanished, the server held "
        f"{', '.join(sizes)} and {end} MB. It kept each session for {gone['kept_seconds']} seconds; after that, "
        f"{gone['left']} of {gone['sessions']} were left. {found['sessions']} sessions that opened all pages from the "
        f"first second of the server saw {found['error_pages']} error pages in {found['visits']} visits. SHA-256 of "
        f"`benchmarks/deploy.json`: `{hashlib.sha256(NUMBERS.read_bytes()).hexdigest()}`"
    )


def class_table() -> list[list[str]]:
    """What it takes to grade a class, a column for each lesson."""
    lessons = json.loads((NUMBERS.parent / "class.json").read_text("utf-8"))["lessons"]

    def took(step: str):
        def show(of: dict) -> str:
            found, each = of["steps"][step], of["steps"][step]["seconds"] / of["students"]
            return f"{found['seconds']:.0f} s ({each:.1f} s), {found['cpu_seconds']:.0f} s, {found['peak_mb']:.0f} MB"

        return show

    rows = {
        f"{lessons[0]['students']} students": lambda of: f"lesson {of['lesson'].partition('_')[0]}",
        "marks that are right, `nbgrader autograde`": lambda of: f"{of['right']['nbgrader']} of {of['students']}",
        "marks that are right, `grade_apart.py`": lambda of: f"{of['right']['grade_apart']} of {of['students']}",
        "pages of feedback": lambda of: str(of["pages"]),
        "`nbgrader generate_assignment`": took("generate_assignment"),
        "`nbgrader autograde`": took("autograde"),
        "`nbgrader generate_feedback`": took("generate_feedback"),
        "`nbgrader export`": took("export"),
        "`grade_apart.py`, with a student on each core": took("grade_apart"),
    }
    return [[name, *map(show, lessons)] for name, show in rows.items()]


def hub_table() -> list[list[str]]:
    """What users of a hub wait for and need, a column for each number of users."""
    figures = json.loads((NUMBERS.parent / "hub.json").read_text("utf-8"))

    def times(step: str):
        return lambda run: f"{run[step][0]:g} s, {run[step][1]:g} s"

    rows = {
        f"lesson {figures['lesson'].partition('_')[0]}, JupyterHub {figures['jupyterhub']}": (
            lambda run: f"{run['users']} user{'s' * (run['users'] > 1)}"
        ),
        "users whose checked cells print what the published lesson prints": (
            lambda run: f"{run['right']} of {run['users']}, {run['checked']} cells each"
        ),
        "from the login form to JupyterLab: median, slowest": times("login"),
        "all cells of the lesson: median, slowest": times("run"),
        "processor time for each user, from login to last cell": lambda run: f"{run['cpu_seconds']:g} s",
        "memory of the hub and its proxy": lambda run: f"{run['hub_mb']} MB",
        "memory for each user: server and kernel, at most": lambda run: f"{run['user_mb']} MB",
    }
    return [[name, *map(show, figures["runs"])] for name, show in rows.items()]


TABLES = {
    "recall": recall_table,
    "text": text_table,
    "needle": needle_table,
    "verdict": verdict,
    "load": load_table,
    "load_notes": load_notes,
    "class": class_table,
    "hub": hub_table,
}


def render(name: str) -> str:
    """A table as Markdown."""
    made = TABLES[name]()
    if isinstance(made, str):
        return "\n".join(textwrap.wrap(made, 126))
    head, *rows = made
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(text: str) -> str:
    """The page with each of its tables rendered from the stored numbers."""
    pattern = re.compile(r"(<!-- table (\w+) -->\n).*?\n?(<!-- end -->)", re.S)
    return pattern.sub(lambda found: f"{found.group(1)}{render(found.group(2))}\n{found.group(3)}", text)


if __name__ == "__main__":
    for page in (ROOT / "README.md", ROOT / "DEPLOY.md"):
        page.write_text(fill(page.read_text("utf-8")), "utf-8", newline="\n")
