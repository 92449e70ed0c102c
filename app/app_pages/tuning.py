"""Tuning: every setting on a short stream, the best few on a long one; the updates saved, and how certain it is."""

import controls
import links
import parts
import streamlit as st
from texts import quoted, say
from tuning import controls as own
from tuning import panels as tuning_panels
from tuning import runs as tuning_runs

from titans_mini.errors import ConfigError
from titans_mini.tune import TuneConfig, Tuning

LENGTHS = TuneConfig()
# The lengths of the recipe article; they do not change the grid.
ARTICLE = {"coarse_tokens": LENGTHS.tokens, "final_tokens": LENGTHS.final_tokens, "keep": LENGTHS.keep}


def main() -> None:
    """The page. A search runs in the page itself, not in a fragment: only so can a button stop it."""
    hidden = links.open_link(own.PAGE)
    with st.sidebar:
        values = _sidebar(hidden)
    parts.title()
    links.keep()
    config = _config(values)
    if config is not None:
        _search(config, hidden)
    links.tell(own.SEARCHED.name, tuning_runs.last() is not None)
    known = _shown(config)
    tuning_panels.show(known, hidden)
    tuning_panels.below(config or known.config, known, hidden)


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the controls; name -> value."""
    values = {"objective": controls.show(own.OBJECTIVE, hidden)}
    if "objective" not in hidden:
        st.caption(say(f"objective={values['objective']}"))
    for control in own.LISTS:
        values[control.name] = own.show_list(control, hidden)
    values |= controls.show_all(own.STAGES, hidden)
    with parts.reset_buttons():
        parts.button("article", links.put, ARTICLE, key="tuning_article")
    return values


def _config(values: dict) -> TuneConfig | None:
    """The search that the controls ask for, or one line that says why there is none."""
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
    with parts.row("search_row"):
        name = "go_on" if known.rows and not known.complete else "run_search"
        look = {"key": "run_button", "type": "primary", "disabled": known.complete}
        asked = parts.button(name, icon="play_arrow", **look)
        parts.button("stop", key="stop_button", help=say("stop_search?"), icon="stop")
    if asked:
        tuning_runs.run(config)
        st.rerun()  # the buttons above still show the state before the search


def _shown(config: TuneConfig | None) -> Tuning:
    """The search that was started last in this session; before that one of the kept file, and a line says so."""
    last = tuning_runs.last()
    if last is not None:
        if config not in (None, last):
            st.info(say("tuning_before"))
        return tuning_runs.found(last)
    known = None if config is None else tuning_runs.kept(config)
    st.info(say("kept_search" if known else "kept_search=own"))
    return known or tuning_runs.kept(tuning_runs.OWN)


main()
