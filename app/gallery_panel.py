"""The failure gallery: one click sets a row's sliders; the run is measured, compared with the default and judged."""

import controls
import links
import runs
import streamlit as st
from sources import Source
from texts import say, told

from titans_course.studies.gallery import FAILURES, examine, failure_settings
from titans_mini import SimulationConfig, Trace


@st.cache_data(max_entries=64, show_spinner=False)
def _finding(name: str, tokens: int, seed: int) -> tuple[float, float, str, Trace]:
    """(value, value at the default, outcome, trace of the default), which depend only on the arguments."""
    finding = examine(name, tokens=tokens, seed=seed)
    return finding.value, finding.default_value, finding.outcome, finding.default


def _base(settings: SimulationConfig) -> SimulationConfig:
    """The defaults on as many tokens and with the seed of these settings."""
    return SimulationConfig(tokens=settings.tokens, seed=settings.seed)


def active(settings: SimulationConfig, source: Source) -> str | None:
    """The row whose settings these are."""
    rows = (name for name in FAILURES if failure_settings(name, _base(settings)) == settings)
    return None if source.text is not None else next(rows, None)


def show(settings: SimulationConfig, source: Source) -> None:
    """The row of buttons, and the verdict of the open one."""
    name = active(settings, source)
    st.session_state.failure = name
    st.pills(
        say("gallery"), list(FAILURES), format_func=lambda row: told(FAILURES[row].title),
        key="failure", help=say("gallery?"), on_change=_open, args=(settings,), width="stretch",
    )  # fmt: skip
    if name is None:
        return
    failure = FAILURES[name]
    value, default, outcome, _ = _finding(name, settings.tokens, settings.seed)
    words = {"title": told(failure.title), "claim": told(failure.claim), "number": _sentence(failure.number)}
    numbers = {"value": f"{value:.3g}", "default": f"{default:.3g}"}
    st.markdown(say("verdict", outcome=say(f"outcome={outcome}"), **words, **numbers))
    st.caption(say("why", rule=_sentence(failure.rule), reason=told(failure.reason)))


def _sentence(text: str) -> str:
    words = told(text)
    return words[:1].upper() + words[1:]


def _open(settings: SimulationConfig) -> None:
    """Callback: the settings of the row that was pressed, and its default as run A; on a second click the defaults."""
    name = st.session_state.failure
    st.session_state.pop("cursor", None)  # it goes where the page puts it in the new run
    if name is None:
        links.put(controls.to_values(_base(settings)) | {"stream": controls.STREAM.default, "token": None})
        runs.pin(None)
        return
    links.put(controls.to_values(failure_settings(name, _base(settings))) | {"token": None})
    runs.pin(runs.Run(_finding(name, settings.tokens, settings.seed)[3], Source(FAILURES[name].scenario)))
