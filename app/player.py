"""The text of a run around a token."""

import streamlit as st
from texts import say, speaker

from titans_course.figures import trace as figures
from titans_mini import Trace

PAGE = 320  # bytes of text shown at once


def show_text(trace: Trace, token: int) -> None:
    """The page of the text that holds the token, coloured by surprise, with a box around the token."""
    start, length = figures.page_of(trace, token, PAGE)
    st.caption(say("legend"))
    text = figures.coloured_text(trace, start=start, length=length, cursor=token, say=speaker())
    st.html(f'<div class="reading">{text}</div>')
