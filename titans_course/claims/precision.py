"""The claim that nothing is lost at length: recall by distance, and the bits of the same text by length of context."""

from titans_mini.messages import Message
from titans_mini.training.checkpoint import load_model, read_card

from .claim import TITANS, Claim, Judged, Way
from .finding import Figures, Size, Spread, grade, spreads
from .models import MARGIN, VARIANTS, recall

NEAR = 64  # filler tokens of the short distance
NEED = 2.0  # standard errors by which a difference of bits must differ from 0


def measure_precision(size: Size) -> Figures:
    """Recall over a short and a long distance; bits of the same bytes after each length of context; of four models.

    The bits are those of the cards, which `studies.context.by_context` measured.
    """
    recalls, bits, found = [], [], []
    for name in VARIANTS:
        lm = load_model(f"recall-{name}")
        recalls.append({"recall_near": recall(lm, size, NEAR), "recall_far": recall(lm, size)})
        rows = {row["context"]: row for row in read_card(f"text-{name}")["context"] if row["memory"] == "on"}
        shortest, *_, longest = sorted(rows)
        bits.append({f"bits_{context}": row["bits"] for context, row in rows.items()})
        lost = rows[longest]["bits"] - min(row["bits"] for row in rows.values())
        found.append({"gain": rows[shortest]["lost"], "error": rows[shortest]["error"], "lost": lost})
    return {
        "near": NEAR,
        "gap": size.gap,
        **spreads(recalls),
        "recall_lost": max(row["recall_near"] - row["recall_far"] for row in recalls),
        **spreads(bits),
        "gain": Spread.of(row["gain"] for row in found),
        "gain_error": max(row["error"] for row in found),
        "lost_bits": max(row["lost"] for row in found),
        "shortest": shortest,
        "longest": longest,
    }


def judge_recall(figures: Figures) -> Judged:
    """Holds if no model loses more than 2 points of recall over the long distance."""
    near, far = (figures[f"recall_{place}"].tell(".1%", "model") for place in ("near", "far"))
    told = Message(
        "four trained models recall {near} of eight facts after {short:,} tokens of filler and {far} after {long:,}",
        near=near, short=figures["near"], far=far, long=figures["gap"],
    )  # fmt: skip
    keys = ("near", "gap", "recall_near", "recall_far", "recall_lost")
    return Judged(grade(figures["recall_lost"] <= MARGIN), told, keys)


def judge_loss(figures: Figures) -> Judged:
    """Holds if no text model is more than 0.02 bits worse after its longest context than after its best."""
    bits = {name: figures[name].mean for name in figures if name.startswith("bits_")}
    lengths = ", ".join(f"{int(name.removeprefix('bits_')):,}: {mean:.3f}" for name, mean in bits.items())
    told = Message("four text models, bits of the same bytes by length of context: {lengths}", lengths=lengths)
    return Judged(grade(figures["lost_bits"] <= MARGIN), told, (*bits, "lost_bits"))


def judge_use(figures: Figures) -> Judged:
    """Holds if every text model saves more bits than twice the standard error."""
    told = Message(
        "from {shortest:,} to {longest:,} bytes of context text models save {gain} bits per byte, with a standard "
        "error of up to {gain_error:.3f}",
        **figures | {"gain": figures["gain"].tell(".3f", "model")},
    )
    keys = ("shortest", "longest", "gain", "gain_error")
    return Judged(grade(figures["gain"].low > NEED * figures["gain_error"]), told, keys)


PRECISION = Claim(
    key="precision", section="6", source=TITANS,
    claim="keeps linear complexity at a scale of 2M tokens, and does not sacrifice precision",
    claim_zh="就能在 2M token 尺度保持线性复杂度,同时不牺牲精度。",
    papers="no number at 2M tokens; needles to 16K",
    measure=measure_precision,
    readings={
        "recall": Way("facts are recalled as well from far away as from near", judge_recall),
        "no_loss": Way("text is predicted as well after a long context as after a short one", judge_loss),
        "use": Way("a long context is put to use: it makes text easier to predict", judge_use),
    },
    note="The claim speaks of 2 million tokens; what is measured here is shorter. Its linear cost is the row `linear`.",
)  # fmt: skip
