"""Operations: a long stream with an incident, watched; alarms, snapshots, rollback, shadow, sessions, rounding."""

from __future__ import annotations

import controls
import links
import streamlit as st
from operations import controls as own
from operations import keep as operations_keep
from operations import live as operations_live
from operations.desk import Desk, open_desk
from texts import quoted, say

from titans_course.studies.drill import DrillConfig
from titans_mini.errors import ConfigError


def main() -> None:
    """The page."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    with st.sidebar:
        values = _sidebar(hidden)
    st.markdown(f"#### {say('operations_title')}")
    st.html(f'<p class="phone-hint">{say("operations_phone")}</p>')
    if (line := links.problem_line()) is not None:
        st.warning(line)
    config = _config(links.values() | values)
    st.session_state.setdefault("operations_first", links.values())
    links.keep()
    desk = open_desk(values["engine"], config)
    if desk is None:
        return
    _story(desk)
    operations_live.show(desk, hidden)
    operations_keep.show(desk, hidden)


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the settings; name -> value."""
    values = controls.show_all((own.ENGINE, own.INCIDENT, own.AT), hidden)
    incident = values["incident"]
    values["duration"] = controls.show(own.DURATION, hidden, disabled=not own.lasts(incident))
    values["factor"] = controls.show(own.FACTOR, hidden, disabled=not own.grows(incident))
    values |= controls.show_all(own.STREAM, hidden)
    with st.container(horizontal=True):
        icon = ":material/restart_alt:"
        st.button(say("reset"), key="operations_reset", help=say("operations_reset?"), icon=icon, on_click=_reset)
        st.button(say("defaults"), key="operations_defaults", help=say("operations_defaults?"), on_click=_defaults)
    if "thresholds" in hidden or hidden.issuperset(control.name for control in own.THRESHOLDS):
        return values | controls.show_all(own.THRESHOLDS, hidden)
    with st.expander(say("thresholds")):
        return values | controls.show_all(own.THRESHOLDS, hidden)


def _config(values: dict) -> DrillConfig:
    """The drill of the controls; if they do not go together, one line, and the drill before."""
    try:
        st.session_state.operations_config = own.to_config(values)
    except ConfigError as error:
        st.error(say("bad_drill", error=quoted(error)))
    return st.session_state.get("operations_config") or own.DEFAULT


def _story(desk: Desk) -> None:
    """What will happen, in one sentence."""
    config = desk.drill.config
    never = config.incident != "none" and config.at >= len(desk.drill.stream)
    words = {"at": config.at, "duration": config.duration, "factor": config.factor, "tokens": len(desk.drill.stream)}
    st.markdown(say("incident_never" if never else f"incident={config.incident}", **words))


def _reset() -> None:
    """Callback: the settings that the page opened with, from the first token."""
    _restart(st.session_state.operations_first)


def _defaults() -> None:
    """Callback: the page's own settings, from the first token."""
    _restart({name: control.default for name, control in own.PAGE.controls.items()})


def _restart(values: dict) -> None:
    links.restart(values, "operations_config", "drill_pace")
    if (desk := st.session_state.get("operations_desk")) is not None:
        desk.restart()


main()
