"""The app: page set-up and the list of pages."""

import gc
from pathlib import Path

import language
import streamlit as st
import tour
from style import script, style
from texts import say

ICON = Path(__file__).with_name("icon.svg")  # a file of our own: named icons are fetched from the internet
# File in app_pages and key of its title -> icon; the first one opens.
PAGES = {
    "simulator": ":material/timeline:",
    "anatomy": ":material/grid_on:",
    "variants": ":material/account_tree:",
    "miras": ":material/tune:",
    "tuning": ":material/query_stats:",
    "operations": ":material/monitor_heart:",
    "claims": ":material/fact_check:",
}


def keep_imports() -> None:
    """Once per session: excludes what the imports made from garbage collection, which takes 0.1 s after each run.

    Leftovers of ended sessions are collected first.
    """
    if not st.session_state.setdefault("imports_kept", False):
        st.session_state.imports_kept = True
        gc.unfreeze()
        gc.collect()
        gc.freeze()


language.choose()
pages = [
    st.Page(f"app_pages/{name}.py", title=say(name), icon=icon, url_path=name, default=index == 0)
    for index, (name, icon) in enumerate(PAGES.items())
]
st.set_page_config(page_icon=str(ICON), layout="wide")
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · {say('app')}")
st.html(style())
st.html(script(), unsafe_allow_javascript=True)
name = list(PAGES)[pages.index(page)]
with st.container(horizontal=True, vertical_alignment="center", gap="small", key="corner"):
    tour.show_button(name)
    language.show_switch()
tour.begin(name)
place = st.container(key="tour_place")
page.run()
with place:  # drawn last, since its steps look at the page's settings
    tour.show(name)
keep_imports()
