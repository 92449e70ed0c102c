"""FrontiersLab: a memory of few bits and a fixed gate that pays for each write; recall and reward over tau."""

from typing import NamedTuple

from ..figures.frontiers import sweep_figure
from ..reward import FEATURES, RewardConfig
from ..studies.frontiers import FULL, SHARED, TAUS, Outcome, rounded_bytes, sweep
from .controls import marks, pick
from .prediction import Prediction, PredictionPanel, asked

BITS = (FULL, 8, 4, 3, 2)
COSTS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
NOISES = (0.3, 0.5, 1.0, 2.0, 4.0)
SEEN = FEATURES[:3]  # those that tell tokens apart: surprise, smoothed, raw
NEVER = 1.0  # no feature exceeds it


class Gated(NamedTuple):
    """The reward of the selected gate over all taus, and of a gate that never writes."""

    taus: tuple[float, ...]
    outcomes: list[Outcome]
    chosen: Outcome
    silent: Outcome

    @property
    def best(self) -> tuple[float, Outcome]:
        """The tau with the highest reward, and its outcome."""
        return max(zip(self.taus, self.outcomes, strict=True), key=lambda pair: pair[1].reward)


QUESTION = asked("lab.frontiers", lambda found: found.chosen.recall)


class FrontiersLab(PredictionPanel):
    """Pick bits, scale, what the gate looks at, tau, the cost of a write and how loud the noise is.

    With `predict` the plot stays closed until a prediction is entered. Each control is an attribute:
    `lab.bits.value = 4`, `lab.cost.value = 0.05`. The curve of 32 bits stays behind that of fewer.
    """

    context = "lab.frontiers"
    table = {
        "bits": pick(BITS, FULL),
        "per": pick(SHARED, "row"),
        "feature": pick(SEEN, "smoothed"),
        "tau": marks(TAUS, 0.3, (0.0, 1.0)),
        "cost": marks(COSTS, 0.02, (0.0, 1.0)),
        "noise": marks(NOISES, 2.0, (0.0, 100.0)),
    }

    def __init__(self, *, predict: Prediction | None = QUESTION, language: str | None = None, **values) -> None:
        super().__init__(predict, language)
        self.found: Gated | None = None
        self._make_controls(**values)
        self._begin()

    def compute(self) -> None:
        """Plays the episodes as the controls say and shows recall and reward; does nothing while closed."""
        if not self.is_open:
            return
        bits, per, feature, tau, cost, noise = self.settings
        config, taus = RewardConfig(cost=cost, noise_norm=noise), tuple(sorted({*TAUS, tau}))
        *outcomes, silent = sweep(config, (*taus, NEVER), feature, bits=bits, per=per)
        found = self.found = Gated(taus, outcomes, outcomes[taus.index(tau)], silent)
        curves = {bits: outcomes}
        if bits != FULL:
            curves[FULL] = sweep(config, taus, feature)

        def draw(say):
            named = {say("{count} bits", count=count): curve for count, curve in curves.items()}
            return sweep_figure(named, taus, chosen=tau, silent=silent.reward, say=say)

        self._draw(draw, found)
        size, full = (rounded_bytes((config.dim,) * 2, one, per) for one in (bits, FULL))
        told = config.told
        self._tell(lambda: [self.say("size", size=size, full=full), *self._earned(found, tau, told)])

    def _earned(self, found: Gated, tau: float, told: int) -> list[str]:
        earned = {"tau": tau, "told": told, "silent": found.silent.reward, **found.chosen._asdict()}
        best_tau, best = found.best
        return [self.say("earned", **earned), self.say("best", tau=best_tau, reward=best.reward)]
