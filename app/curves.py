"""What the browser is sent to draw the curves: the picture with its words, and each run as bytes.

Streamlit sends no message over 10 kB again while the browser has it. So the code of the picture goes out once and run A
when it is pinned. The cursor is the browser's: a step to another token sends nothing.
"""

import json
import struct
import zlib

import runs
import streamlit as st
from style import HERE, HISTORY
from texts import say, speaker

from titans_course.figures import COLOURS, NORMAL_WRITES
from titans_course.figures.trace import LABELS, ROWS, frequency_top, hover_texts, series
from titans_mini import Trace

CODE = HISTORY + "".join((HERE / f"curves{part}.js").read_text("utf8") for part in ("_scale", "_look", ""))
# Waits for the code, which may come after the first run.
FEED = """\
const picture = (window.titansCurves ??= Promise.withResolvers());
export default async (part) => (await picture.promise).take(part);
"""
FILE = "titans_mini_curves.png"
_picture = st.components.v2.component("curves", js=CODE, isolate_styles=False)
_feed = st.components.v2.component("curves_feed", js=FEED, isolate_styles=False)


def show(run: Trace, behind: Trace | None) -> None:
    """The picture of a run, with run A or a milder run as a dashed line on it, and where the two differ."""
    spoken = speaker()
    words = {name: say(f"chart_{name}") for name in ("title", "alt", "whole", "save")}
    words["leaves"] = say("chart_leaves", token="{}")
    labels = {name: str(spoken(text)) for name, text in LABELS.items()}
    name = say("A_short" if runs.pinned() else "milder")
    _feed(key="feed_run", data=pack("run", run, beside=name, apart=behind and _apart(run, behind, name)))
    if behind is not None:
        _feed(key="feed_behind", data=pack("behind", behind))
    words |= {"token": str(spoken("token")), "labels": labels, "names": list(COLOURS)}  # of the theme's colours
    _picture(key="curves", data=words | {"normal": NORMAL_WRITES, "file": FILE})


def _apart(run: Trace, behind: Trace, name: str) -> str | None:
    """What the strip of the difference shows; None where there is none, or one diverged or read something else."""
    both = min(len(run), len(behind))
    if (run.diverged_at, behind.diverged_at) != (None, None) or (run.tokens[:both] != behind.tokens[:both]).any():
        return None
    apart = behind.loss[:both] - run.loss[:both]
    return say("chart_apart", name=name, mean=float(apart.mean())) if apart.any() else None


def pack(role: str, trace: Trace, **more: object) -> bytes:
    """A run as bytes: the length of a line of JSON, that line, and each curve as 32-bit floats."""
    spoken, end = speaker(), trace.diverged_at
    formulas = trace.settings.gate == "surprise"  # there g_forget = 1 - g_write
    names = [name for row in ROWS for name in row if not (formulas and name == "g_forget")]
    floats = b"".join(series(trace, name).tobytes() for name in names)
    head = {
        **{"role": role, "names": names, "count": len(trace), "tau": trace.settings.tau, "top": frequency_top(trace)},
        "hover": hover_texts(trace, spoken),
        "events": [(event.start, event.end, str(spoken(event.name))) for event in trace.events[:20]],
        "diverged": None if end is None else (end, str(spoken("diverged at {token}", token=end))),
        **more,
    }
    text = json.dumps(head | {"digest": zlib.crc32(floats, zlib.crc32(repr(head).encode()))}).encode()
    text += b" " * (-len(text) % 4)  # so that the floats begin where floats may
    return struct.pack("<I", len(text)) + text + floats
