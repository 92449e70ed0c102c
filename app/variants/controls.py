"""The Variants page's controls, and what its link may set and hide."""

from controls import Control
from links import Page

from titans_mini.models.config import VARIANT_NAMES
from titans_mini.models.model import MODES

MAX_BYTES, AT_ONCE = 10_000, 2000  # bytes read for the loss: at most, and without being asked to
VARIANT = Control("variant", "buttons", "mac", options=VARIANT_NAMES)
BITS = (
    Control("reading", "buttons", "held-out", options=("held-out", "paste")),
    Control("from_byte", "number", 0, 0, 40_000, 1000),
    Control("read_bytes", "number", AT_ONCE, 100, MAX_BYTES, 500),
    Control("window", "slider", 200, 1, 1000),
)
ROWS = 8
DISTANCE = (Control("rows", "slider", ROWS, 4, 64, 4),)
GENERATION = (
    Control("temperature", "slider", 0.8, 0.0, 2.0, 0.05),
    Control("top_k", "slider", 256, 1, 256),
    Control("min_p", "slider", 0.05, 0.0, 1.0, 0.01),
    Control("memory", "buttons", "on", options=MODES),
    Control("new_bytes", "slider", 200, 10, 1000, 10),
    Control("dice", "number", 0, 0, 2**31 - 1),
)
GROUPS = {"bits": BITS, "distance": DISTANCE, "generation": GENERATION}
PAGE = Page(
    "variants",
    (VARIANT, *BITS, *DISTANCE, *GENERATION),
    ("tell", "mask", "evidence", "needle", *GROUPS),
    GROUPS,
    forget=("source", "paste", "prompt", "said"),
)
