"""One token on the Anatomy page: stepper, text, vectors, gate, numbers, heat maps. A fragment: no run is repeated."""

import math
from functools import partial

import controls
import links
import parts
import player
import runs
import shelf
import streamlit as st
from header import character
from runs import Run
from texts import say, speaker

from anatomy import controls as own
from titans_course.figures import anatomy as figures_anatomy
from titans_course.studies.anatomy import Step, dissect
from titans_mini.threads import one_thread

KEPT = 8  # steps; one of the widest memory takes 0.8 MB


@st.fragment
def show(run: Run, hidden: frozenset[str]) -> None:
    """All panels of one token."""
    last = last_token(run)
    token = _place(run, last, hidden)
    if "player" not in hidden:
        _show_stepper(run, token, last, hidden)
        token = _place(run, last, hidden)
    # Not left to the slider: when its end moves, it would remove an older token from the link.
    first = min(runs.first_write(run.trace), last)
    controls.keep_in_link("token", None if token == first else str(token))
    if run.trace.diverged_at is not None:
        st.caption(say("anatomy_end", token=run.trace.diverged_at))
    gate, step = _steps(run, token)
    text = partial(player.show_text, run.trace, token)
    parts.beside({"text": (11, text), "vectors": (9, partial(_show_vectors, step, hidden))}, hidden)
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
    formula, curve = partial(_show_formula, run, step), partial(_show_curve, step, hidden)
    parts.beside({"formula": (11, formula), "curve": (9, curve)}, hidden)


def _show_vectors(step: Step, hidden: frozenset[str]) -> None:
    _guide("vectors", hidden)
    parts.chart(figures_anatomy.vector_figure(step, say=speaker()), "vectors")


def _show_curve(step: Step, hidden: frozenset[str]) -> None:
    _guide("curve", hidden)
    parts.chart(figures_anatomy.write_figure(step, say=speaker()), "curve")


def _place(run: Run, last: int, hidden: frozenset[str]) -> int:
    """The token for this run: the chosen one, or else the first write; never past the end."""
    state = st.session_state
    token = state[controls.HIDDEN].get("token") if "token" in hidden else state.get("token")
    token = min(runs.first_write(run.trace) if token is None else token, last)
    if "token" not in hidden and (token != state.get("token") or state.get("token_last") != last):
        state.token, state.token_last = token, last
    return token


def _show_stepper(run: Run, token: int, last: int, hidden: frozenset[str]) -> None:
    write = min(runs.first_write(run.trace, token), last)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="stepper"):
        for name, icon, target in (("back", "skip_previous", token - 1), ("forward", "skip_next", token + 1)):
            token_there = {"token": min(max(target, 0), last)}
            parts.button(name, links.put, token_there, icon=icon, key=f"token_{name}", label="", help=say(name))
        parts.button("next", links.put, {"token": write}, icon="edit_note", key="token_next")
        if last > 0 and "token" not in hidden:
            st.slider(say("token"), 0, last, token, key="token", help=say("anatomy_token?"))


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
    settings = run.trace.settings
    st.caption(say("formula", token=step.token, character=character(run.trace, step.token)))
    st.latex(figures_anatomy.step_formula(step, settings.eta, settings.lam, by_hand=not links.values()["auto"]))


def _guide(name: str, hidden: frozenset[str]) -> None:
    if "guide" not in hidden:
        st.caption(say(f"guide={name}"))


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else say("infinite")
