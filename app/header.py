"""The headline numbers, the pinned run and the banner of a run whose memory diverged or died."""

import math

import controls
import links
import parts
import runs
import streamlit as st
from runs import Run
from texts import option, plain, say

from titans_course.figures import NORMAL_WRITES
from titans_mini.trace import Trace

DEAD_END, REVIVING = "zero", "start"  # what weights decay towards: near zero they get no gradient


def show(run: Run, other: Run | None, hidden: frozenset[str]) -> None:
    """Headline numbers with the buttons of run A at their end, the settings in which A differs."""
    with st.container(horizontal=True, gap="medium", key="headline"):
        if "numbers" not in hidden:
            _show_numbers(run, other)
        if "pin" not in hidden:
            st.space("stretch")
            parts.button("pin", runs.pin, run, icon="keep")
            if other is not None:
                parts.button("unpin", runs.pin, None, icon="keep_off")
    if other is not None:
        st.markdown(_difference(run, other))


def _show_numbers(run: Run, other: Run | None) -> None:
    now = _numbers(run.trace)
    then = _numbers(other.trace) if other else {}
    low, high = NORMAL_WRITES
    writes = run.trace.summary()["writes_per_1k"]
    verdict = "low" if writes < low else "high" if writes > high else "normal"
    judged = run.trace.settings.gate == "surprise"  # the other rule writes at every token
    for name, value in now.items():
        below = [say(f"writes={verdict}")] if name == "writes" and judged else []
        below += [say("A", value=then[name])] if name in then else []
        colour = "green" if below and verdict == "normal" and name == "writes" else "off"
        parts.number(name, value, " · ".join(below) or None, colour)


def show_banner(run: Run, grey: bool = True) -> None:
    """What went wrong and at which token, with a button that fixes it: a memory that diverged, or one that is dead.

    `grey`: the milder run is drawn in grey.
    """
    if run.trace.diverged_at is not None:
        _show_divergence(run, grey)
    elif run.trace.dead_at is not None:
        _show_death(run.trace)


def _show_death(trace: Trace) -> None:
    memory = trace.settings.memory
    st.error(say("dead", token=trace.dead_at, loss=short(trace.summary()["loss_end"]), lam=f"{trace.settings.lam:g}"))
    if memory.decay == DEAD_END and "decay" in st.session_state.page.controls:
        label = say("mend", name=say("decay"), value=option("decay", REVIVING))
        parts.button("revive", links.put, {"decay": REVIVING}, label=label)


def _show_divergence(run: Run, grey: bool) -> None:
    trace, cause = run.trace, run.cause
    words = {"cause": say("diverged_other")}
    if cause is not None:
        old, new = (f"{getattr(t.settings, cause.name):g}" for t in (trace, cause.trace))
        note = say("diverged_grey") if grey and runs.pinned() is None else ""
        words["cause"] = say(f"diverged_{cause.name}", old=old, new=new, grey=note)
    st.error(say("diverged", token=trace.diverged_at, character=character(trace, trace.diverged_at), **words))
    if cause is not None:
        label = say("mend", name=cause.name, value=f"{cause.value:g}")
        parts.button("mend", links.put, {cause.name: cause.value}, label=label)


def character(trace: Trace, token: int) -> str:
    """The byte read at a token, as a person would name it, in Markdown."""
    byte = int(trace.tokens[token])
    if 32 < byte < 127:
        return f"'{plain(chr(byte))}'"
    return say({32: "character=space", 10: "character=line"}.get(byte, "character=byte"), byte=byte)


def _numbers(trace: Trace) -> dict[str, str]:
    s = trace.summary()
    return {
        "writes": f"{s['writes_per_1k']:.1f}",
        "mean_surprise": short(s["mean_surprise"]),
        "norm": say("arrow", start=short(s["norm_start"]), end=short(s["norm_end"])),
        "loss": say("arrow", start=short(s["loss_start"]), end=short(s["loss_end"])),
        "seconds": f"{s['seconds']:.2f} s",
    }


def short(value: float | None) -> str:
    """A number in three digits, or what stands for one that is missing or infinite."""
    if value is None:
        return "–"
    return f"{value:.3g}" if math.isfinite(value) else say("infinite")


def _difference(run: Run, other: Run) -> str:
    a, b = (controls.flat(r.trace.settings) for r in (other, run))
    pairs = ((name, _spell(name, a[name]), _spell(name, b[name])) for name in a if a[name] != b[name])
    changes = [f"{option('setting', name)} {old} → {new}" for name, old, new in pairs]
    if other.source.digest != run.source.digest:
        changes.append(say("A_stream", name=other.source.name))
    return say("differs", changes=say("comma").join(changes)) if changes else say("same")


def _spell(name: str, value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else plain(option(name, value))
