"""Below the curves: recall by age, downloads and the code that repeats the run."""

import parts
import streamlit as st
from runs import Run
from texts import plain, say, speaker

from titans_course.figures import recall_figure
from titans_course.figures.export import to_code, to_html

FILE = "titans_mini_run"


def show(run: Run, other: Run | None, hidden: frozenset[str]) -> None:
    """The panels that the link does not hide."""
    if "recall" not in hidden:
        parts.folded("recall", lambda: _show_recall(run, other))
    code = to_code(run.trace.settings, run.source.text if run.source.file is None else None, run.source.file)
    if "downloads" not in hidden:
        _show_downloads(run, other, code)
    if "code" not in hidden:
        # The browser would fetch the code highlighter and run it again at each move.
        parts.folded("code", lambda: _show_code(run, code), icon="code")


def _show_code(run: Run, code: str) -> None:
    if run.source.file is not None:
        st.caption(say("code_file", name=plain(run.source.file, 60)))
    st.code(code, language="python")


def _show_recall(run: Run, other: Run | None) -> None:
    st.caption(say("recall?"))
    if run.trace.diverged_at is not None:
        st.info(say("no_recall"))
        return
    traces = {say("this_run"): run.trace}
    if other is not None and other.trace.diverged_at is None:
        traces = {say("pinned"): other.trace, **traces}
    parts.draw(recall_figure(traces, say=speaker()), "recall_chart", say("recall_chart"), config={})


def _show_downloads(run: Run, other: Run | None, code: str) -> None:
    behind, words = other and other.trace, speaker()
    files = {
        "csv": (f"{FILE}.csv", "text/csv", run.trace.to_csv),
        "json": (f"{FILE}.json", "application/json", run.trace.to_json),
        "html": (f"{FILE}.html", "text/html", lambda: to_html(run.trace, behind, code, say=words)),
    }
    lacking = ["text"] * run.source.own + ["A"] * (other is not None)
    lacking = say("and").join(say(f"link_lacks={name}") for name in lacking)
    with parts.row("downloads_row"):
        parts.downloads(files, note=None)
        st.caption(say("link_lacks", what=lacking) if lacking else say("link"), width="content")
