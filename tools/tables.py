"""Writes the README's tables of trained models from the cards: `python tools/tables.py`; a test compares the two.

Each table stands between two comments, `<!-- table NAME -->` and `<!-- end -->`. A card in titans_mini/checkpoints
belongs to weights that ship; those in its folder `seeds` tell what the same training reached from other seeds.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from titans_course.studies.evidence import RECALLED

ROOT = Path(__file__).resolve().parents[1]
CARDS = ROOT / "titans_mini" / "checkpoints"
NAMES = {"mag": "MAG", "mal": "MAL", "mac": "MAC", "lmm": "LMM"}
MISSING = "–"


def cards(name: str) -> list[dict]:
    """The cards of one training from seeds 0, 1, 2 ..., the shipped one first."""
    paths = [*CARDS.glob(f"{name}.json"), *sorted((CARDS / "seeds").glob(f"{name}-[0-9].json"))]
    return [json.loads(path.read_text("utf-8")) for path in paths]


def result(card: dict, **wanted) -> dict | None:
    """The first result of a card with these entries."""
    found = (row for row in card["results"] if all(row.get(key) == value for key, value in wanted.items()))
    return next(found, None)


def cell(name: str, show: Callable[[dict], str], **wanted) -> str:
    """One number a seed."""
    rows = [result(card, **wanted) for card in cards(name)]
    return ", ".join(show(row) for row in rows if row) or MISSING


def percent(row: dict) -> str:
    """The share of single answers that are right: 100, 99.8."""
    return f"{100 * row['accuracy']:.1f}".removesuffix(".0") + "%"


def bits(row: dict) -> str:
    """Bits per byte."""
    return f"{row['bits']:.2f}"


HEADS = {  # of the columns that `evidence` shows on the Variants page, too
    "near": "8 facts, gap 2,048",
    "far": "gap 65,536",
    "late": "after 1,024 filler tokens",
    "groups": "two groups of 8",
    "overwritten": "overwritten values",
    "many": "32 facts",
}


def recall_table() -> list[list[str]]:
    """Share of values named, each variant and the control trained without memory, seeds 0, 1, 2."""
    rows = [[NAMES[key], *(cell(f"recall-{key}", percent, memory="on", **want) for want in RECALLED.values())]
            for key in NAMES]  # fmt: skip
    control = [cell("recall-off", percent, memory="off", **want) for want in RECALLED.values()]
    return [["", *(HEADS[column] for column in RECALLED)], *rows, ["trained without memory", *control]]


def text_table() -> list[list[str]]:
    """Bits per byte of held-out text, seeds 0, 1, 2; frozen and off take away a part that training had."""
    rows = [["", "steps", "time of a step", "memory on", "frozen", "off"]]
    one = cards("text-off")[0]["step_cpu_seconds"]
    for name, title in [(f"text-{key}", f"`text-{key}`") for key in ("mal", "mag", "mac", "lmm", "mag-surprise")] + [
        ("text-off", "trained without memory, same steps"),
        ("text-off-long", "trained without memory, same time"),
    ]:
        first = cards(name)[0]
        shown = [cell(name, bits, task="text", size=2048, memory=mode) for mode in ("on", "frozen", "off")]
        rows.append([title, str(first["training"]["steps"]), f"{first['step_cpu_seconds'] / one:.1f}", *shown])
    return rows


def context_table() -> list[list[str]]:
    """Bits of the same bytes after more and more bytes of their own context; seed 0."""
    shown, lengths = [], []
    for name, mode in [*((f"text-{key}", "on") for key in ("mal", "mag", "mac", "lmm")), ("text-off", "off")]:
        rows = [row for row in cards(name)[0]["context"] if row["memory"] == mode]
        lengths = [row["context"] for row in rows]
        title = "trained without memory" if mode == "off" else f"`{name}`"
        shown.append([title, *(f"{row['bits']:.3f}" for row in rows)])
    return [["bytes of context", *(f"{length:,}" for length in lengths)], *shown]


def verdict() -> str:
    """What the controls say about text, computed from the cards."""

    def at(name: str) -> float:
        mode = "off" if name.startswith("text-off") else "on"
        return sum(result(card, task="text", size=2048, memory=mode)["bits"] for card in cards(name)) / len(cards(name))

    def listed(keys: list[str]) -> str:
        return " and ".join(", ".join(NAMES[key] for key in keys).rsplit(", ", 1)) or "none"

    ahead = [key for key in ("mal", "mag", "mac", "lmm") if at(f"text-{key}") < at("text-off")]
    later = [key for key in ahead if at(f"text-{key}") < at("text-off-long")]
    rows = [row for key in NAMES for row in cards(f"text-{key}")[0]["context"] if row["memory"] == "on"]
    most = max(abs(row["lost"]) for row in rows if row["context"] == 64)
    sentences = [
        f"After the same number of steps the models ahead of the control are: {listed(ahead)}.",
        f"After the same time: {listed(later)}.",
        f"Going from 64 bytes of context to 4,096 changes no model by more than {most:.3f} bits, so these memories act "
        "as one more short-range mixer: on text of this size the memory does not pay.",
    ]
    if at("text-mag-surprise") <= at("text-mag"):
        sentences += [
            "`text-mag-surprise` has the same layers and the recipe's gate, which hardly writes with the article's "
            "constants, and it needs no more bits than `text-mag`.",
            "So what is gained at equal steps comes from the added layers, not from writing.",
        ]
    return " ".join(sentences)


def needle_table() -> list[list[str]]:
    """Share of whole codes that are right, mean and range over five seeds of the evaluation."""
    sizes = sorted({row["size"] for row in cards("needle-mag")[0]["results"] if "seed" in row})
    rows = []
    for name, mode, title in (("needle-mag", "on", "`needle-mag`"), ("needle-off", "off", "trained without memory")):
        found = [row for row in cards(name)[0]["results"] if "seed" in row and row["memory"] == mode]
        shares = [[100 * row["exact"] for row in found if row["size"] == size] for size in sizes]
        rows.append([title, *(f"{sum(v) / len(v):.0f}% ({min(v):.0f} to {max(v):.0f})" for v in shares)])
    return [["bytes of text", *(f"{size:,}" for size in sizes)], *rows]


TABLES = {
    "recall": recall_table,
    "text": text_table,
    "context": context_table,
    "needle": needle_table,
    "verdict": verdict,
}


def render(name: str) -> str:
    """A table as Markdown."""
    made = TABLES[name]()
    if isinstance(made, str):
        return "\n".join(textwrap.wrap(made, 120))
    head, *rows = made
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(text: str) -> str:
    """The text with each of its tables rendered from the cards."""
    pattern = re.compile(r"(<!-- table (\w+) -->\n).*?\n?(<!-- end -->)", re.S)
    return pattern.sub(lambda found: f"{found.group(1)}{render(found.group(2))}\n{found.group(3)}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text("utf-8")), "utf-8")
