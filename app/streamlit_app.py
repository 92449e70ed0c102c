"""The app: page set-up and the list of pages."""

from __future__ import annotations

import gc
from pathlib import Path

import streamlit as st
from style import style
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


@st.cache_resource(show_spinner=False)
def keep_imports() -> None:
    """Once a process: what the imports made is not searched again at each full garbage collection (0.1 s each)."""
    gc.freeze()


st.set_page_config(page_title=say("app"), page_icon=str(ICON), layout="wide")
pages = [
    st.Page(f"app_pages/{name}.py", title=say(name), icon=icon, url_path=name, default=index == 0)
    for index, (name, icon) in enumerate(PAGES.items())
]
st.html(style(len(PAGES)))
st.navigation(pages, position="top").run()
keep_imports()
