"""The panel of who sees whom: the wiring of a layer beside what was measured on one."""

from __future__ import annotations

import charts
import streamlit as st
from texts import say, speaker

from titans_course.figures import variants as figures_variants
from titans_course.studies.visibility import Visibility, measure
from titans_mini.threads import one_thread


@st.cache_data(max_entries=8, show_spinner=False)
def _measured(variant: str) -> Visibility:
    with one_thread():
        return measure(variant)


def show(variant: str) -> None:
    """Three pictures and a line that reads them."""
    seen = _measured(variant)
    st.markdown(f"##### {say('mask_title')}", help=say("mask_title?"))
    first, middle, last = st.columns([10, 9, 10], gap="medium")
    with first:
        st.caption(say("wiring"))
        charts.draw(figures_variants.block_figure(variant, say=speaker()), "wiring", say("alt=wiring"))
    with middle:
        st.caption(say("attention_sees"))
        if seen.attention:
            charts.draw(figures_variants.attention_figure(seen, say=speaker()), "attention", say("alt=attention"))
        else:
            st.info(say("no_attention"))
    with last:
        st.caption(say("memory_sees"))
        charts.draw(figures_variants.writes_figure(seen, say=speaker()), "masks", say("alt=writes"))
    st.caption(say(f"mask={variant}"))
