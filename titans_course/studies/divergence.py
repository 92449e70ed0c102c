"""Why a run overflowed, found by trial: the single milder setting that would have kept it finite."""

from dataclasses import replace
from typing import NamedTuple

from titans_mini.simulation import simulate_many
from titans_mini.trace import Trace

MILDER = (0.1, 0.01, 0.001, 1e-4)  # of the step size, in the order tried


class Cause(NamedTuple):
    """The setting to blame and a run that differs only in it and stays finite."""

    name: str  # "beta" or "eta"
    value: float  # the milder value
    trace: Trace


def find_cause(trace: Trace, text: str | None = None) -> Cause | None:
    """The first milder setting under which the same stream stays finite; None if the run did, or if none helps.

    It tries ever smaller step sizes eta and, if momentum repeats steps, a beta of 0.7.
    """
    if trace.diverged_at is None:
        return None
    settings = trace.settings
    changes = [("eta", settings.eta * factor) for factor in MILDER]
    if settings.gate == "constant" and settings.beta > 0.9:
        changes.insert(0, ("beta", 0.7))
    runs = simulate_many([replace(settings, **{name: float(f"{value:.3g}")}) for name, value in changes], text)
    for (name, _), run in zip(changes, runs, strict=True):
        if run.diverged_at is None:
            return Cause(name, getattr(run.settings, name), run)
    return None
