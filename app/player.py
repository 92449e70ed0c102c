"""Scrub, step and play: the curves, then the text and the formula at one token. A fragment: no run is repeated."""

import time
from functools import partial

import curves
import parts
import runs
import streamlit as st
from header import character
from runs import Run
from streamlit.delta_generator import DeltaGenerator
from texts import say, speaker

from titans_course.figures import trace as figures
from titans_mini import Trace

BEAT = 0.5  # seconds from token to token in play
PACES = (1, 10, 100)
PAGE = 320  # bytes of text shown at once
AHEAD = 0.03  # seconds by which new curves are sent ahead: a browser draws what arrives within 0.01 s in one go


def show_curves(place: DeltaGenerator, run: Run, other: Run | None) -> None:
    """The curves, and time for the browser to draw new ones before it gets the rest of the page.

    In grey lies run A, or behind a run that diverged the milder one that stays finite.
    """
    behind = other or run.cause
    with place:
        curves.show(run.trace, behind and behind.trace)
    if st.session_state.get("drawn") is not run:
        st.session_state.drawn = run
        time.sleep(AHEAD)


def show(run: Run, hidden: frozenset[str]) -> None:
    """Draws the player above the curves; it runs by itself while it plays."""
    parts.play("playing", BEAT, _player, run, hidden)


def _player(run: Run, hidden: frozenset[str], beating: bool) -> None:
    token = _move(run, beating)
    parts.follow_play("playing", beating)
    place = figures.character_on_page(run.trace, token, figures.page_of(run.trace, token, PAGE)[0])
    curves.show_cursor(token, place, partial(_pick, len(run.trace) - 1))
    if "player" not in hidden:
        _show_controls(run, token)
    text, formula = partial(show_text, run.trace, token, boxed=False), partial(_show_formula, run.trace, token)
    parts.beside({"text": (11, text), "formula": (9, formula)}, hidden)


def _move(run: Run, beating: bool) -> int:
    """Sets the cursor for this run: one beat further in play, and never past the end."""
    state, last = st.session_state, len(run.trace) - 1
    token = state.get("cursor")
    if token is None:
        token = runs.first_write(run.trace)
    elif beating and state.get("playing"):
        token += state.get("pace", PACES[0])
        state.playing = token < last
    token = min(token, last)
    if token != state.get("cursor") or state.get("cursor_last") != last:
        state.cursor, state.cursor_last = token, last
    return token


def _step(by: int, last: int) -> None:
    st.session_state.cursor = min(max(st.session_state.cursor + by, 0), last)


def _pick(last: int) -> None:
    """Callback: the token that was clicked in the curves, if it is one."""
    token = st.session_state[curves.CURSOR].token
    if isinstance(token, int) and 0 <= token <= last:
        st.session_state.cursor = token


def _next_write(run: Run) -> None:
    st.session_state.cursor = runs.first_write(run.trace, st.session_state.cursor)


def _show_controls(run: Run, token: int) -> None:
    last, playing = len(run.trace) - 1, bool(st.session_state.get("playing"))
    pace = st.session_state.get("pace") or PACES[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="player_row"):
        parts.button("back", _step, -pace, last, icon="skip_previous", help=say("back"))
        parts.play_button("play", "playing", playing)
        parts.button("forward", _step, pace, last, icon="skip_next", help=say("forward"))
        parts.button("next", _next_write, run, icon="edit_note")
        st.segmented_control(say("pace"), PACES, default=PACES[0], required=True, key="pace", help=say("pace?"))
        if last > 0:
            st.slider(say("token"), 0, last, token, key="cursor", help=say("token?"))


def show_text(trace: Trace, token: int, boxed: bool = True) -> None:
    """The page of the text that holds the token, coloured by surprise. `boxed`: with a box around the token."""
    start, length = figures.page_of(trace, token, PAGE)
    st.caption(say("legend"))
    box = {"cursor": token} if boxed else {}  # without it, a step to the next token sends no text again
    text = figures.coloured_text(trace, start=start, length=length, say=speaker(), **box)
    st.html(f'<div class="reading">{text}</div>')


def _show_formula(trace: Trace, token: int) -> None:
    st.caption(say("formula", token=token, character=character(trace, token)))
    if trace.diverged_at is not None and token >= trace.diverged_at:
        st.markdown(say("no_numbers", token=trace.diverged_at))
    else:
        st.latex(figures.formula(trace, token, narrow=True).replace("surprise", say("in_formula=surprise")))
