"""A member of the family trained for some seconds, on the task and in the model of `family`.

It is one seed and little training, so it shows how a model learns and not which rule is best: `family` has three seeds.
"""

from collections.abc import Callable
from typing import NamedTuple

from titans_mini.training.evaluate import evaluate
from titans_mini.training.train import Trainer

from .family import OFF, RECALL, recalled, trained

TRIAL = 12  # steps, or a tenth of the seconds, in which the time of a step is measured
BEAT = 0.4  # seconds of training between two reports, at least one step
MARKS = 12  # times at which recall is measured on the way
ROWS = 16  # sequences of each measurement

Beat = Callable[[str, float, int], None]  # what is being done, its share, and the steps so far


class Minute(NamedTuple):
    """What came of it. `losses` has one number a step, `points` has (step, seconds, recall of eight facts)."""

    rule: str
    planned: int  # steps of the learning rate's schedule, as many as should fit
    steps: int
    seconds: float
    losses: tuple[float, ...]
    points: tuple[tuple[int, float, float], ...]
    recalled: dict[str, float]  # late, overwritten and many, as in family.MEASURES


def train_for(rule: str, seconds: float, seed: int = 0, beat: Beat = lambda *_: None) -> Minute:
    """Trains a model with this rule (OFF: without memory) for so many seconds of steps; measurements take no part.

    The time of a step decides how many are planned, so the learning rate ends its way down. `beat` is called often and
    may raise to end it all.
    """
    memory, points = "off" if rule == OFF else "on", []
    pace = _pace(rule, seed, seconds, beat)
    planned = max(1, int(seconds / pace))
    runs: list[Trainer] = []

    def each(trainer: Trainer) -> int:
        runs[:] = [trainer]
        share = max(trainer.step / planned, trainer.seconds / seconds)
        beat("training", min(1.0, share), trainer.step)
        if share >= len(points) / MARKS or share >= 1:
            accuracy = evaluate(trainer.lm, "recall", RECALL["size"], rows=ROWS, memory=memory)["accuracy"]
            points.append((trainer.step, round(trainer.seconds, 2), accuracy))
        return 0 if share >= 1 else max(1, round(BEAT / pace))

    lm, _ = trained(rule, seed, RECALL, planned, each)
    done, losses = runs[0], tuple(round(loss, 4) for loss in runs[0].losses)
    found = recalled(lm, memory, ROWS, lambda: beat("measuring", 1.0, done.step))
    found = {name: round(value, 4) for name, value in found.items()}
    return Minute(rule, planned, done.step, round(done.seconds, 2), losses, tuple(points), found)


def _pace(rule: str, seed: int, seconds: float, beat: Beat) -> float:
    """Seconds of a step of a short training, the first left out, which also sets things up."""
    times: list[float] = []

    def each(trainer: Trainer) -> int:
        times.append(trainer.seconds)
        beat("timing", min(1.0, trainer.step / TRIAL), 0)
        return int(trainer.seconds < seconds / 10)

    trained(rule, seed, RECALL, TRIAL, each)
    lasted = [after - before for before, after in zip(times, times[1:], strict=False)]
    return max(1e-4, sum(lasted[1:] or lasted) / len(lasted[1:] or lasted))
