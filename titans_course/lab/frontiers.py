"""FrontiersLab: a memory of few bits behind a fixed gate that pays for each write; recall and reward over tau."""

from __future__ import annotations

from typing import NamedTuple

import ipywidgets as w

from titans_mini.errors import check_choice, check_number

from ..figures.frontiers import sweep_figure
from ..reward import FEATURES, RewardConfig
from ..studies.frontiers import FULL, SHARED, TAUS, Outcome, rounded_bytes, sweep
from .prediction import Prediction, PredictionPanel, asked
from .words import roomy

BITS = (FULL, 8, 4, 3, 2)
COSTS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
NOISES = (0.3, 0.5, 1.0, 2.0, 4.0)
SEEN = FEATURES[:3]  # those that tell tokens apart: surprise, smoothed, raw
NEVER = 1.0  # no feature is above it
CONTROLS = ("bits", "per", "feature", "tau", "cost", "noise")


class Gated(NamedTuple):
    """What the gate of the controls earns, over all taus, and what one earns that never writes."""

    taus: tuple[float, ...]
    outcomes: list[Outcome]
    chosen: Outcome
    silent: Outcome

    @property
    def best(self) -> tuple[float, Outcome]:
        """The tau of the highest reward, and what it earns."""
        return max(zip(self.taus, self.outcomes, strict=True), key=lambda pair: pair[1].reward)


QUESTION = asked("frontiers", lambda found: found.chosen.recall)


class FrontiersLab(PredictionPanel):
    """Pick bits, scale, what the gate looks at, tau, the cost of a write and how loud the noise is.

    With `predict` the plot stays closed until a prediction is entered. Each control is an attribute:
    `lab.bits.value = 4`, `lab.cost.value = 0.05`. The curve of 32 bits stays behind that of fewer.
    """

    texts = "frontiers"

    def __init__(
        self,
        *,
        bits: int = FULL,
        per: str = "row",
        feature: str = "smoothed",
        tau: float = 0.3,
        cost: float = 0.02,
        noise: float = 2.0,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        self.found: Gated | None = None
        check_choice("bits", str(bits), map(str, BITS))
        config = RewardConfig(cost=cost, noise_norm=noise)
        check_number("tau", tau, 0.0, 1.0)
        self._make_controls(
            {
                "bits": ([(str(one), one) for one in BITS], bits),
                "per": (list(SHARED), check_choice("per", per, SHARED)),
                "feature": (list(SEEN), check_choice("feature", feature, SEEN)),
                "tau": (_marks(TAUS, tau), tau),
                "cost": (_marks(COSTS, config.cost), config.cost),
                "noise": (_marks(NOISES, config.noise_norm), config.noise_norm),
            }
        )
        self._arrange()
        self.changed()
        self.flush()

    def _make_controls(self, choices: dict[str, tuple[list, object]]) -> None:
        self.controls = {}
        for name, (options, value) in choices.items():
            if name in ("tau", "cost", "noise"):
                control = w.SelectionSlider(options=options, value=value, continuous_update=False)
            else:
                control = w.Dropdown(options=options, value=value)
            self.controls[name] = self._name(name, roomy(control))
            setattr(self, name, control)
            self._watch(control, self.changed)

    @property
    def settings(self) -> tuple:
        """bits, per, feature, tau, cost, noise, as the controls say now."""
        return tuple(control.value for control in self.controls.values())

    def compute(self) -> None:
        """Plays the episodes as the controls say and shows recall and reward; while closed, nothing."""
        if not self.is_open:
            return
        bits, per, feature, tau, cost, noise = self.settings
        config, taus = RewardConfig(cost=cost, noise_norm=noise), tuple(sorted({*TAUS, tau}))
        *outcomes, silent = sweep(config, (*taus, NEVER), feature, bits=bits, per=per)
        self.found = Gated(taus, outcomes, outcomes[taus.index(tau)], silent)
        curves = {f"{bits} bits": outcomes}
        if bits != FULL:
            curves[f"{FULL} bits"] = sweep(config, taus, feature)
        figure = sweep_figure(curves, taus, chosen=tau, silent=silent.reward)
        if self.answer is not None and self._asked == self.settings:
            self._title(figure, self.found)
        self.stage.draw(figure)
        size, full = (rounded_bytes((config.dim,) * 2, one, per) for one in (bits, FULL))
        found, told = self.found, config.told
        self._tell(lambda: [self.say("size", size=size, full=full), *self._earned(found, tau, told)])

    def _earned(self, found: Gated, tau: float, told: int) -> list[str]:
        earned = {"tau": tau, "told": told, "silent": found.silent.reward, **found.chosen._asdict()}
        best_tau, best = found.best
        return [self.say("earned", **earned), self.say("best", tau=best_tau, reward=best.reward)]

    def _subject(self) -> tuple:
        return self.settings


def _marks(usual: tuple[float, ...], value: float) -> list[tuple[str, float]]:
    """Options of a slider, with a mark for the value it starts at."""
    return [(f"{mark:g}", mark) for mark in sorted({*usual, value})]
