"""The claim that nothing is lost at length: recall by distance, and the bits of the same text by length of context."""

from __future__ import annotations

from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.measure import by_context

from .finding import Figures, Finding, Reading, Size, Spread, grade, weigh
from .models import MARGIN

NAMES = ("lmm", "mac", "mag", "mal")
NEAR = 64  # filler tokens of the short distance
CONTEXTS = {"small": (16, 256, 1024), "full": (16, 64, 256, 1024, 4096)}
NEED = 2.0  # standard errors by which a difference of bits must differ from 0


def measure_precision(size: Size) -> Figures:
    """Recall over a short and a long distance; bits of the same bytes after each length of context; of four models."""
    figures: Figures = {"near": NEAR, "gap": size.gap}
    recalls: dict[str, list[float]] = {"near": [], "far": []}
    for name in NAMES:
        lm = load_model(f"recall-{name}")
        for place, gap in (("near", NEAR), ("far", size.gap)):
            recalls[place].append(evaluate(lm, "recall_once", gap, rows=size.rows)["accuracy"])
    figures |= {f"recall_{place}": Spread.of(values) for place, values in recalls.items()}
    figures["recall_lost"] = max(a - b for a, b in zip(recalls["near"], recalls["far"], strict=True))
    shortest, *_, longest = contexts = CONTEXTS[size.name]
    bits: dict[int, list[float]] = {context: [] for context in contexts}
    gains, errors, losses = [], [], []
    for name in NAMES:
        rows = {row["context"]: row for row in by_context(load_model(f"text-{name}"), contexts, rows=2 * size.rows)}
        for context, row in rows.items():
            bits[context].append(row["bits"])
        errors.append(rows[shortest]["error"])
        gains.append(rows[shortest]["lost"])
        losses.append(rows[longest]["bits"] - min(row["bits"] for row in rows.values()))
    figures |= {f"bits_{context}": Spread.of(values) for context, values in bits.items()}
    figures |= {"gain": Spread.of(gains), "gain_error": max(errors), "lost_bits": max(losses)}
    return figures | {"shortest": shortest, "longest": longest}


def _read_recall(figures: Figures) -> Reading:
    """Holds if no model recalls less over the long distance than over the short one."""
    near, far = (figures[f"recall_{place}"].tell(".1%", "model") for place in ("near", "far"))
    told = (
        f"four trained models recall {near} of eight facts after {figures['near']:,} tokens of filler and "
        f"{far} after {figures['gap']:,}"
    )
    kept = ("near", "gap", "recall_near", "recall_far", "recall_lost")
    return Reading("recall", grade(figures["recall_lost"] <= MARGIN), told, kept)


def _read_loss(figures: Figures) -> Reading:
    """Holds if no text model is worse after its longest context than after its best one."""
    lengths = [name for name in figures if name.startswith("bits_")]
    told = "four text models, bits of the same bytes by length of context: " + ", ".join(
        f"{int(name.removeprefix('bits_')):,}: {figures[name].mean:.3f}" for name in lengths
    )
    return Reading("no_loss", grade(figures["lost_bits"] <= MARGIN), told, (*lengths, "lost_bits"))


def _read_use(figures: Figures) -> Reading:
    """Holds if a long context saves every text model bits against a short one, beyond twice the standard error."""
    gain, error = figures["gain"], figures["gain_error"]
    told = (
        f"from {figures['shortest']:,} to {figures['longest']:,} bytes of context text models save "
        f"{gain.tell('.3f', 'model')} bits per byte, with a standard error of up to {error:.3f}"
    )
    kept = ("shortest", "longest", "gain", "gain_error")
    return Reading("use", grade(gain.low > NEED * error), told, kept)


def judge_precision(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part.

    The claim speaks of 2 million tokens; what is measured here is shorter. Its linear cost is the row `linear`.
    """
    return weigh(figures, _read_recall(figures), _read_loss(figures), _read_use(figures))
