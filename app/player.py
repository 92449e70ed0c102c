"""Scrub, step and play: the text, the formula and the curves at one token. A fragment: no run is repeated."""

import time
from functools import partial

import parts
import runs
import streamlit as st
from header import character
from runs import Run
from texts import language, say, speaker

from titans_course.figures import trace as figures
from titans_mini import Trace

BEAT = 0.5  # seconds from token to token in play
PACES = (1, 10, 100)
PAGE = 320  # bytes of text shown at once
CHART_HEIGHT = 660
AHEAD = 0.03  # seconds by which new curves are sent ahead: a browser draws what arrives within 0.01 s in one go
TOOLBAR = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show(run: Run, other: Run | None, hidden: frozenset[str]) -> None:
    """Draws the player; it runs by itself while it plays."""
    parts.play("playing", BEAT, _player, run, other, hidden)


def _player(run: Run, other: Run | None, hidden: frozenset[str], beating: bool) -> None:
    token = _move(run, beating)
    parts.follow_play("playing", beating)
    above = st.container(key="player")
    if "chart" not in hidden:
        before = st.session_state.get("figure")
        parts.draw(_figure(run, other, token), "curves", say("chart"), config=TOOLBAR)
        if st.session_state.figure is not before:
            time.sleep(AHEAD)
    with above:
        _show_token(run, token, hidden)


def _show_token(run: Run, token: int, hidden: frozenset[str]) -> None:
    """Buttons, text and formula: everything above the curves, although the curves are sent first."""
    if "player" not in hidden:
        _show_controls(run, token)
    text, formula = partial(show_text, run, token), partial(_show_formula, run.trace, token)
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


def _next_write(run: Run) -> None:
    st.session_state.cursor = runs.first_write(run.trace, st.session_state.cursor)


def _show_controls(run: Run, token: int) -> None:
    last, playing = len(run.trace) - 1, bool(st.session_state.get("playing"))
    pace = st.session_state.get("pace") or PACES[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="player_row"):
        parts.button("back", _step, -pace, last, icon="skip_previous", label="", help=say("back"))
        parts.play_button("play", "playing", playing)
        parts.button("forward", _step, pace, last, icon="skip_next", label="", help=say("forward"))
        parts.button("next", _next_write, run, icon="edit_note")
        st.segmented_control(say("pace"), PACES, default=PACES[0], required=True, key="pace", help=say("pace?"))
        if last > 0:
            st.slider(say("token"), 0, last, token, key="cursor", help=say("token?"))


def show_text(run: Run, token: int) -> None:
    """The page of the text that holds the token, coloured by surprise."""
    start, length = figures.page_of(run.trace, token, PAGE)
    st.caption(say("legend"))
    text = figures.coloured_text(run.trace, start=start, length=length, cursor=token, say=speaker())
    st.html(f'<div class="reading">{text}</div>')


def _show_formula(trace: Trace, token: int) -> None:
    st.caption(say("formula", token=token, character=character(trace, token)))
    if trace.diverged_at is not None and token >= trace.diverged_at:
        st.markdown(say("no_numbers", token=trace.diverged_at))
    else:
        st.latex(figures.formula(trace, token, narrow=True).replace("surprise", say("in_formula=surprise")))


def _figure(run: Run, other: Run | None, token: int):
    """The session's one figure: rebuilt for another run or language, otherwise only its cursor moves."""
    behind = _behind(run, other)
    key = (run.key, behind and behind.settings, other and other.key, language())
    kept = st.session_state.get("figure")
    if kept is None or kept[0] != key:
        figure = parts.themed(figures.time_figure(run.trace, behind, cursor=token, height=CHART_HEIGHT, say=speaker()))
        kept = st.session_state.figure = (key, figure)
    figures.move_cursor(kept[1], token)
    return kept[1]


def _behind(run: Run, other: Run | None) -> Trace | None:
    """What is drawn in grey: run A, or for a run that diverged without one the milder run that stays finite."""
    if other is not None:
        return other.trace
    return None if run.cause is None else run.cause.trace
