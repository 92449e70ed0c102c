"""One token on the Anatomy page: tape, gate, numbers, heat maps, vectors. A fragment: no run is repeated."""

import math
from functools import partial

import controls
import links
import parts
import shelf
import streamlit as st
import tape
from header import character
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
        tape.show(run, None, chosen, _move, hide=hide, live=True)
    if run.trace.diverged_at is not None:
        st.caption(say("anatomy_end", token=run.trace.diverged_at))
    if "hand" not in hidden:
        _show_hand(hidden)
    gate, step = _steps(run, token)
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
        _show_formula(run, step)
    vectors, curve = partial(_show_vectors, step, hidden), partial(_show_curve, step, hidden)
    parts.beside({"vectors": (1, vectors), "curve": (1, curve)}, hidden)


def _show_vectors(step: Step, hidden: frozenset[str]) -> None:
    _guide("vectors", hidden)
    parts.chart(figures_anatomy.vector_figure(step, say=speaker()), "vectors")


def _show_curve(step: Step, hidden: frozenset[str]) -> None:
    _guide("curve", hidden)
    parts.chart(figures_anatomy.write_figure(step, say=speaker()), "curve")


def _move(token: int) -> None:
    """Callback: the token at which the cursor of the tape has come to rest."""
    links.put({"token": token})


def _steps(run: Run, token: int) -> tuple[Step, Step]:
    """(the step as the gate decides it, the step that is shown)."""
    chosen, gate = links.values(), _dissect(run, token)
    return gate, gate if chosen["auto"] else _dissect(run, token, chosen["theta"], chosen["alpha"])


def _dissect(run: Run, token: int, theta: float | None = None, alpha: float | None = None) -> Step:
    """The step, taken apart unless the session still has it."""

    def make() -> Step:
        with one_thread():
            return dissect(run.trace.settings, token, text=run.source.text, theta=theta, alpha=alpha)

    return shelf.fetch("steps", (run.key, token, theta, alpha), make, KEPT)


def _show_hand(hidden: frozenset[str]) -> None:
    first, *rest = st.columns([2, 3, 3], gap="medium", vertical_alignment="center")
    with first:
        auto = controls.show(own.AUTO, hidden)
    for column, control in zip(rest, own.HAND, strict=True):
        with column:
            controls.show(control, hidden, disabled=auto)


def _show_numbers(gate: Step, step: Step) -> None:
    numbers = {
        "raw": _short(step.raw),
        "theta_now": _short(step.theta),
        "alpha_now": _short(step.alpha),
        "loss_now": say("arrow", start=_short(step.loss_before), end=_short(step.loss_after)),
        "norm_now": say("arrow", start=_short(step.norm_before), end=_short(step.norm_after)),
    }
    decided = {
        "theta_now": _short(gate.theta),
        "alpha_now": _short(gate.alpha),
        "loss_now": say("arrow_end", end=_short(gate.loss_after)),
        "norm_now": say("arrow_end", end=_short(gate.norm_after)),
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


def _show_formula(run: Run, step: Step) -> None:
    st.caption(say("formula", token=step.token, character=character(run.trace, step.token)))
    st.latex(figures_anatomy.step_formula(step, run.trace.settings, by_hand=not links.values()["auto"]))


def _guide(name: str, hidden: frozenset[str]) -> None:
    if "guide" not in hidden:
        st.caption(say(f"guide={name}"))


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else say("infinite")
