"""A code hidden in real text and asked for at its end: kept answers for ten texts, and one's own code, asked live."""

import html
import re

import parts
import shelf
import streamlit as st
import tell
import weights
from texts import say

from titans_course.studies import telling
from titans_mini.models.model import MODES
from titans_mini.threads import one_thread
from titans_mini.training.tasks import NAMES

CODE = re.compile(rf"([{NAMES}]{{3}})\s*=\s*(\d\d)")
KEPT = 20  # answers that a session keeps


def show(variant: str) -> None:
    """The panel; the one model that was trained on it is a MAG, whatever variant the page shows."""
    trained = weights.find("needle", "mag")
    if trained is None:
        return
    kept = telling.kept("needle", "needle-mag", trained.card) or []
    first, second, third = st.columns([3, 4, 3], gap="medium", vertical_alignment="bottom")
    number = first.slider(say("needle_text"), 1, telling.TEXTS, 1, key="needle_text", help=say("needle_text?"))
    known = kept[number - 1] if kept else {"name": "QZX", "code": "47"}
    sample = f"{known['name']}={known['code']}"
    text = second.text_input(
        say("needle_code"), sample, max_chars=12, key=f"needle_code_{number}", help=say("needle_code?")
    )
    with third:
        asked = parts.button("needle_live", icon="play_arrow")
    found = CODE.fullmatch(text.strip().upper())
    if found is None:
        st.error(say("needle_bad", letters=NAMES))
        return
    name, code = found.groups()
    pieces = telling.needle(name, code, number - 1)
    key, how = (trained.key, number, name, code), "tell_now"
    if asked or not kept or f"{name}={code}" != sample or shelf.holds("needles", key):
        said = shelf.fetch("needles", key, lambda: _ask(trained.lm, name, pieces), KEPT)
    else:
        said, how = known["said"], "tell_kept"
    left, right = st.columns([11, 9], gap="medium")
    left.html(_text(pieces, name))
    without = weights.without_memory("needle-off", "exact", size=1024)
    right.html(tell.table({f"[{name}=": code}, {mode: [said[mode]] for mode in MODES}, say(how), without, 0.01))
    if kept:
        right.caption(_counts(kept))


def _ask(lm, name: str, pieces: tuple) -> dict[str, str]:
    with one_thread():
        return {mode: telling.find_needle(lm, name, pieces, mode) for mode in MODES}


def _counts(kept: list[dict]) -> str:
    """How many of the kept texts each mode answers rightly."""
    right = {mode: sum(row["said"][mode] == row["code"] for row in kept) for mode in MODES}
    return say("needle_counts", count=len(kept), **right)


def _text(pieces: tuple, name: str) -> str:
    """The text as the model reads it, with the code marked, and the question."""
    before, code, after = (html.escape(bytes(part.tolist()).decode("utf8", "replace")) for part in pieces)
    asked = f"<mark>[{name}=</mark>?"
    look = "white-space:pre-wrap;font-family:monospace"
    return f'<div class="reading" tabindex="0" style="{look}">{before}<mark>{code}</mark>{after}<br>{asked}</div>'
