"""Tuning: every setting on a short stream, the best few on a long one; what that saves, and how sure it is."""

from __future__ import annotations

import controls
import links
import streamlit as st
from texts import quoted, say
from tuning import controls as own
from tuning import panels as tuning_panels
from tuning import runs as tuning_runs

from titans_mini.errors import ConfigError
from titans_mini.tune import TuneConfig


def main() -> None:
    """The page. A search runs in the page itself, not in a fragment: only so can a button stop it."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    with st.sidebar:
        values = _sidebar(hidden)
    st.markdown(f"#### {say('tuning_title')}")
    st.html(f'<p class="phone-hint">{say("tuning_phone")}</p>')
    if (line := links.problem_line()) is not None:
        st.warning(line)
    st.session_state.setdefault("tuning_first", links.values())
    links.keep()
    config = _config(values)
    if config is not None:
        _search(config, hidden)
    last = tuning_runs.last()
    known = None if last is None else tuning_runs.found(last)
    if known is not None:
        if config is not None and last != config:
            st.info(say("tuning_before"))
        tuning_panels.show(known, hidden)
    shown = config or last
    if shown is not None:
        tuning_panels.below(shown, known, hidden)


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the controls; name -> value."""
    values = {"objective": controls.show(own.OBJECTIVE, hidden)}
    if "objective" not in hidden:
        st.caption(say(f"objective={values['objective']}"))
    for control in own.LISTS:
        values[control.name] = own.show_list(control, hidden)
    values |= controls.show_all(own.STAGES, hidden)
    with st.container(horizontal=True):
        icon = ":material/restart_alt:"
        st.button(say("reset"), key="tuning_reset", help=say("tuning_reset?"), icon=icon, on_click=_reset)
        st.button(say("defaults"), key="tuning_defaults", help=say("tuning_defaults?"), on_click=_defaults)
        st.button(say("article"), key="tuning_article", help=say("article?"), on_click=_article)
    return values


def _config(values: dict) -> TuneConfig | None:
    """The search of the controls, or one line that says why there is none."""
    try:
        return own.config_of(values)
    except ConfigError as error:
        st.error(say("tuning_bad", error=quoted(error)))
        return None


def _search(config: TuneConfig, hidden: frozenset[str]) -> None:
    """Price, the two buttons, and the search itself once it is asked for."""
    known = tuning_runs.found(config)
    if "plan" not in hidden:
        tuning_panels.plan(config, known)
    with st.container(horizontal=True, vertical_alignment="center"):
        name = "go_on" if known.rows and not known.complete else "run_search"
        icon = ":material/play_arrow:"
        asked = st.button(
            say(name), key="run_button", help=say(name + "?"), icon=icon, type="primary", disabled=known.complete
        )
        st.button(say("stop"), key="stop_button", help=say("stop_search?"), icon=":material/stop:")
    if asked:
        tuning_runs.run(config)
        st.rerun()  # the buttons above still say what was to be done
    if tuning_runs.last() is None:
        st.info(say("not_searched"))


def _reset() -> None:
    """Callback: the settings that the page opened with."""
    links.restart(st.session_state.tuning_first)


def _defaults() -> None:
    """Callback: the page's own settings."""
    links.restart({name: control.default for name, control in own.PAGE.controls.items()})


def _article() -> None:
    """Callback: the lengths of the recipe article, on the grid as it is."""
    default = TuneConfig()
    links.put({"coarse_tokens": default.tokens, "final_tokens": default.final_tokens, "keep": default.keep})


main()
