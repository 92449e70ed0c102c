"""One token on the Anatomy page: tape, gate, numbers, heat maps, vectors. A fragment: no run is repeated."""

import math
from collections.abc import Callable
from functools import partial

import controls
import links
import parts
import shelf
import streamlit as st
import tape
from header import character, short
from runs import Run
from texts import say, speaker

from anatomy import controls as own
from titans_course.figures import anatomy as figures_anatomy
from titans_course.studies.anatomy import Step, dissect
from titans_mini.threads import one_thread

KEPT = 8  # steps; one of the widest memory takes 2 MB
PARTS = {"text": ("tape", "strip"), "player": ("player",)}  # panel -> parts of the tape's component
OWN = ("lesson", "formula")  # parts that this page has of its own, or not at all


@st.fragment
def show(run: Run, hidden: frozenset[str]) -> None:
    """All panels of one token."""
    chosen = links.values()["token"]
    token = min(tape.place(run, chosen), last_token(run))
    if "tape" not in hidden:
        hide = (*OWN, *(part for panel in hidden & PARTS.keys() for part in PARTS[panel]))
        tape.show(run, None, chosen, lambda token: links.put({"token": token}), hide=hide, live=True)
    if run.trace.diverged_at is not None:
        st.caption(say("anatomy_end", token=run.trace.diverged_at))
    now = links.values()
    if "hand" not in hidden:
        by_gate = [control.name for control in own.HAND if now["auto"]]
        controls.show_row((own.AUTO, *own.HAND), hidden, [2, 3, 3], by_gate)
    gate = _dissect(run, token)  # the step as the gate decides it
    step = gate if now["auto"] else _dissect(run, token, now["theta"], now["alpha"])
    _show_step(run, gate, step, hidden)
    links.keep()


def last_token(run: Run) -> int:
    """The last token that has numbers."""
    end = len(run.trace) if run.trace.diverged_at is None else run.trace.diverged_at
    return max(end - 1, 0)


def _show_step(run: Run, gate: Step, step: Step, hidden: frozenset[str]) -> None:
    if not math.isfinite(step.loss_after) or not math.isfinite(step.norm_after):
        st.error(say("anatomy_overflow", theta=f"{step.theta:g}"))
    if "numbers" not in hidden:
        _show_numbers(gate, step)
    if "maps" not in hidden:
        _show_maps(step, hidden)
    if "formula" not in hidden:
        st.caption(say("formula", token=step.token, character=character(run.trace, step.token)))
        st.latex(figures_anatomy.step_formula(step, run.trace.settings, by_hand=not links.values()["auto"]))
    figures = {"vectors": figures_anatomy.vector_figure, "curve": figures_anatomy.write_figure}
    panels = {name: (1, partial(_show_figure, name, make, step, hidden)) for name, make in figures.items()}
    parts.beside(panels, hidden)


def _show_figure(name: str, make: Callable, step: Step, hidden: frozenset[str]) -> None:
    _guide(name, hidden)
    parts.chart(make(step, say=speaker()), name)


def _dissect(run: Run, token: int, theta: float | None = None, alpha: float | None = None) -> Step:
    """The step, taken apart unless the session still has it."""

    def make() -> Step:
        with one_thread():
            return dissect(run.trace.settings, token, text=run.source.text, theta=theta, alpha=alpha)

    return shelf.fetch("steps", (run.key, token, theta, alpha), make, KEPT)


def _show_numbers(gate: Step, step: Step) -> None:
    numbers = {
        "raw": short(step.raw),
        "theta_now": short(step.theta),
        "alpha_now": short(step.alpha),
        "loss_now": say("arrow", start=short(step.loss_before), end=short(step.loss_after)),
        "norm_now": say("arrow", start=short(step.norm_before), end=short(step.norm_after)),
    }
    decided = {
        "theta_now": short(gate.theta),
        "alpha_now": short(gate.alpha),
        "loss_now": say("arrow_end", end=short(gate.loss_after)),
        "norm_now": say("arrow_end", end=short(gate.norm_after)),
    }
    below = {name: say("gate_says", value=value) for name, value in decided.items()} if step is not gate else {}
    parts.numbers(numbers, "anatomy_numbers", below)


def _show_maps(step: Step, hidden: frozenset[str]) -> None:
    depth = len(step.before)
    layer = min(links.values()["layer"], depth)
    if depth > 1 and "layer" not in hidden:
        if st.session_state.get("layer", 1) > depth:
            st.session_state.layer = depth
        layer = st.segmented_control(
            say("layer"), range(1, depth + 1), default=1, required=True, key="layer", help=say("layer?"),
            bind="query-params",
        )  # fmt: skip
    _guide("maps", hidden)
    maps = {"gradient": figures_anatomy.gradient_figure(step, layer - 1, say=speaker())}
    maps |= figures_anatomy.weights_figures(step, layer - 1, say=speaker())
    for column, (name, figure) in zip(st.columns(len(maps), gap="small"), maps.items(), strict=True):
        with column:
            parts.chart(figure, name)


def _guide(name: str, hidden: frozenset[str]) -> None:
    if "guide" not in hidden:
        st.caption(say(f"guide={name}"))
