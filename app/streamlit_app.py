"""The app: page set-up and the list of pages."""

import gc
from pathlib import Path

import language
import streamlit as st
import tour
from style import HISTORY, style
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
st.set_page_config(page_title=say("app"), page_icon=str(ICON), layout="wide")
pages = [
    st.Page(f"app_pages/{name}.py", title=say(name), icon=icon, url_path=name, default=index == 0)
    for index, (name, icon) in enumerate(PAGES.items())
]
st.html(style(len(PAGES)))
st.html(HISTORY, unsafe_allow_javascript=True)  # a page has it once, however often it is sent
page = st.navigation(pages, position="top")
with st.container(horizontal=True, vertical_alignment="center", gap="small", key="corner"):
    tour.show_button(pages[0], here=page == pages[0])
    language.show_switch()
page.run()
keep_imports()
