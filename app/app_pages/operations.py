"""Operations: monitors a long stream with an incident: alarms, snapshots, rollback, shadow, sessions, rounding."""

import controls
import links
import parts
import shelf
import streamlit as st
from operations import controls as own
from operations import keep as operations_keep
from operations import live as operations_live
from operations.desk import open_desk
from texts import say


def main() -> None:
    hidden = links.open_link(own.PAGE)
    with st.sidebar:
        values = _sidebar(hidden)
    parts.title()
    asked = links.values() | values
    config = shelf.last_good("operations_config", lambda: own.to_config(asked), "bad_drill") or own.DEFAULT
    links.keep()
    desk = open_desk(values["engine"], config)
    if desk is None:
        return
    links.tell(own.PLAYED.name, desk.played)
    words = {"at": config.at, "duration": config.duration, "factor": config.factor, "tokens": len(desk.drill.stream)}
    never = config.incident != "none" and config.at >= words["tokens"]
    key = "watched=series" if (config.stream, config.incident) == ("series", "none") else f"incident={config.incident}"
    st.markdown(say("incident_never" if never else key, **words))  # what will happen
    operations_live.show(desk, hidden)
    operations_keep.show(desk, hidden)


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the settings; name -> value."""
    values = controls.show_all((own.ENGINE, own.WATCHED, own.INCIDENT, own.AT), hidden)
    unused = own.without_effect(values["incident"], values["watched"])
    values |= controls.show_all((own.DURATION, own.FACTOR, *own.STREAM), hidden, disabled=unused)
    parts.reset_buttons(after=_restart)
    return values | controls.show_folded("thresholds", own.THRESHOLDS, hidden)


def _restart() -> None:
    """The drill from its first token."""
    if (desk := st.session_state.get("operations_desk")) is not None:
        desk.restart()


main()
