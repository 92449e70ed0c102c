"""The drill as it plays: controls, gauges, time line, snapshots with one-click rollback, events. One fragment."""

import json
import math
from functools import cache, partial
from pathlib import Path

import parts
import streamlit as st
from texts import quoted, say, speaker, told

from operations.controls import OWN, PLAYED
from operations.desk import Desk
from titans_course.figures import gauges as figures_gauges
from titans_course.figures import operate as figures_operate
from titans_course.studies.drill import Drill, Sample, delays, flip_byte
from titans_mini.messages import Message
from titans_mini.operate import Event, SnapshotError
from titans_mini.operate.monitor import named
from titans_mini.operate.snapshots import Snapshot

BEAT = 0.8  # seconds from step to step in play
PACES = (100, 500, 1000)  # tokens
BY_HAND = "by-hand"
KEPT_FILE = Path(__file__).with_name("kept.json")  # the page's own drill to its end; `tools/kept.py` writes it
VEIL = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "type": "rect", "line_width": 0, "fillcolor": "#80889433"}


def show(desk: Desk, hidden: frozenset[str]) -> None:
    """Draws the drill; while it plays, it continues at each beat."""
    playing = st.session_state.drill_playing
    st.fragment(_live, run_every=BEAT if playing else None)(desk, hidden, playing)


def _live(desk: Desk, hidden: frozenset[str], beating: bool) -> None:
    state = st.session_state
    if beating and state.drill_playing:
        desk.drill.advance(state.get("drill_pace") or PACES[1])
        state.drill_playing = not desk.drill.done
    if state.drill_playing != beating or not beating and desk.played != state[PLAYED.name]:
        st.rerun()  # since the page sets the beat, and says what its link holds
    if "player" not in hidden:
        _controls(desk, beating)
    if desk.note:
        st.error(desk.note)
    _stand(desk)
    parts.beside({"gauges": (4, partial(_gauges, desk)), "chart": (7, partial(_chart, desk))}, hidden)
    snapshots = partial(_snapshots, desk, beating)
    parts.beside({"snapshots": (1, snapshots), "events": (1, partial(_events, desk))}, hidden)


def _controls(desk: Desk, playing: bool) -> None:
    drill, pace = desk.drill, st.session_state.get("drill_pace") or PACES[1]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="drill_row"):
        if drill.done and desk.played:
            parts.button("play_again", desk.play, True, key="drill_play", icon="replay", type="primary")
        else:
            icon, label = ("pause", say("pause")) if playing else ("play_arrow", say("play"))
            look = {"label": label, "disabled": drill.done, "type": "primary"}
            parts.button("drill_play", desk.play, not playing, icon=icon, **look)
        parts.button("drill_step", drill.advance, pace, icon="skip_next", disabled=drill.done)
        parts.button("drill_restart", desk.restart, icon="restart_alt")
        st.segmented_control(say("drill_pace"), PACES, default=PACES[1], required=True, key="drill_pace",
                             help=say("drill_pace?"))  # fmt: skip
        st.progress(min(1.0, drill.read / len(drill.stream)), say("drill_read", read=drill.read, all=len(drill.stream)))


def _stand(desk: Desk) -> None:
    """Which track is served, which alarms are on, and the buttons that undo them."""
    drill = desk.drill
    runner, monitor = drill.runner, drill.runner.monitor
    served = "shadow" if runner.compared.degraded else "main"
    badges = [say(f"served={served}" if runner.engine.predicts else "served=alone")]
    badges += [say("alarm_on", kind=told(named(event.kind)), token=event.token) for event in monitor.active.values()]
    badges += [] if monitor.active else [say("no_alarm")]
    with parts.row("drill_stand"):
        st.markdown(" ".join(badges))
        if runner.compared.degraded:
            parts.button("promote", desk.attempt, drill.promote, icon="upgrade")
        parts.button("rollback_last", desk.attempt, drill.rollback, icon="history", key="rollback")


def _norm_line(desk: Desk) -> str:
    """How far away the recipe's limit on the norm is, and which alarm came first."""
    drill = desk.drill
    bound, norm = drill.runner.monitor.bounds["norm"], drill.samples[-1].norm
    count = sum(part[0].numel() for part in drill.runner.engine.fast(drill.runner.state)[0])
    found = delays(drill.events, drill.config.at)
    if "norm" in found and "norm_rise" in found:
        came = say("norm_late", late=found["norm"] - found["norm_rise"])
    else:
        came = say("norm_fired" if "norm" in found else "norm_silent")
    times = _times(bound / norm if norm else math.inf)
    far = say("norm_far", bound=bound, times=times, weight=bound / math.sqrt(count))
    return say("norm_line", far=far, came=came)


def _times(ratio: float) -> str:
    if ratio == math.inf:  # a dead memory
        return "∞"
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _gauges(desk: Desk) -> None:
    parts.heading("gauges")
    figure = figures_gauges.gauges_figure(figures_gauges.make_gauges(desk.drill), say=speaker())
    parts.draw(parts.themed(figure), "drill_gauges", say("alt=gauges"))
    st.caption(_norm_line(desk))


def _chart(desk: Desk) -> None:
    parts.heading("drill_chart")
    height = 600 if desk.drill.runner.engine.predicts else 430
    drill = desk.drill
    samples, events = _ahead(drill)
    figure = figures_operate.draw_timeline(
        [*drill.samples, *samples], [*drill.events, *events], drill.config, drill.runner.monitor.bounds,
        end=len(drill.stream), height=height, say=speaker(),
    )  # fmt: skip
    if samples:
        figure.add_shape(VEIL, x0=drill.read, x1=len(drill.stream))
    parts.draw(parts.themed(figure), "drill_timeline", say("alt=drill"))
    if samples:
        st.caption(say("kept_drill"))


@cache
def kept() -> tuple[list[Sample], list[Event]]:
    """The samples and events of the page's own drill, measured before."""
    record = json.loads(KEPT_FILE.read_text("utf8"))
    events = [Event(action, kind, "", token) for action, kind, token in record["events"]]
    return [Sample(*row) for row in record["samples"]], events


def _ahead(drill: Drill) -> tuple[list[Sample], list[Event]]:
    """Kept samples and events of tokens still to be read; none for another drill, or after a change by hand."""
    samples, events = kept()
    now = [sample.norm for sample in samples if sample.token == drill.read]
    if drill.config != OWN or not now or not math.isclose(now[0], drill.samples[-1].norm, rel_tol=1e-3):
        return [], []
    later = [event for event in events if event.token > drill.read]
    return [sample for sample in samples if sample.token > drill.read], later


def _snapshots(desk: Desk, playing: bool) -> None:
    parts.heading("snapshots")
    drill = desk.drill
    store = drill.runner.snapshots
    with st.container(horizontal=True, key="snapshot_buttons"):
        parts.button("take_snapshot", desk.attempt, drill.snapshot, BY_HAND, icon="photo_camera")
        parts.button("damage", desk.attempt, _damage, desk, icon="broken_image")
    verdicts = {} if playing else store.verify()
    with st.container(height=300, key="snapshot_list"):
        for snapshot in reversed(store.list()):
            with parts.row(f"snapshot_{snapshot.number}"):
                st.markdown(_row(snapshot, verdicts.get(snapshot.path.name, "ok")))
                st.space("stretch")
                key = f"back_{snapshot.number}"
                parts.button("back_to", desk.attempt, drill.rollback, snapshot.path.name, key=key)


def _row(snapshot: Snapshot, verdict: str) -> str:
    try:
        size = snapshot.path.stat().st_size / 1000
    except OSError:
        size = math.nan
    kind = snapshot.label if snapshot.label in ("auto", "alarm") else "named"
    words = {"number": snapshot.number, "tokens": snapshot.tokens, "size": size, "name": quoted(snapshot.label)}
    line = say(f"snapshot={kind}", **words)
    return line if verdict == "ok" else line + " " + say("snapshot_bad")


def _damage(desk: Desk) -> None:
    """Flips a byte of the newest snapshot that a rollback would take."""
    healthy = [snapshot for snapshot in desk.drill.runner.snapshots.list() if snapshot.label != "alarm"]
    if not healthy:
        raise SnapshotError(say("nothing_to_damage"))
    flip_byte(healthy[-1])


def _events(desk: Desk) -> None:
    parts.heading("events")
    rows = [_event_row(desk, event) for event in reversed(desk.drill.events)]
    columns = {name: say(f"event={name}") for name in ("token", "what", "kind", "value", "limit", "cause")}
    columns["token"] = st.column_config.NumberColumn(say("event=token"), format="localized", width="small")
    columns["kind"] = st.column_config.TextColumn(say("event=kind"), width=95)
    columns["cause"] = st.column_config.TextColumn(say("event=cause"), width="large")
    parts.table(rows, "event_table", columns, height=340)


def _event_row(desk: Desk, event: Event) -> dict:
    numbers = {name: getattr(event, name) for name in ("value", "limit")}
    return {
        "token": event.token, "what": told(Message(event.action)), "kind": told(named(event.kind)),
        "cause": told(desk.words(event.cause)),
        **{name: "" if value is None else f"{value:.4g}" for name, value in numbers.items()},
    }  # fmt: skip
