"""TuningLab: a grid measured at several stream lengths, the saving of two stages, and how a picked setting does."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from titans_mini.errors import ConfigError, check_integer
from titans_mini.tune import Tuning
from titans_mini.tune.store import Cost, Setting, cost

from ..figures.tune import saving_figure, stages_figure
from ..studies.tuning import Stand, order, part, stand
from .controls import Control, pick, slide
from .prediction import Prediction, PredictionPanel, asked

VIEWS = ("who stands", "what it saves")


class Found(NamedTuple):
    """The result of two stages with the current controls, and the place of the pick."""

    place: int  # of the pick on the long stream, 1 is the best
    stand: Stand
    price: Cost


QUESTION = asked("lab.tuning", lambda found: float(found.place))


class TuningLab(PredictionPanel):
    """Choose a grid's size, two lengths, how many settings are kept and the seeds; see which stay best, and the saving.

    `grids` are full grids by stream length, as `tune.study.full_grids` makes them: nothing is run here. With `predict`
    the plot stays closed until the place of a pick is predicted. Each control is an attribute: `lab.keep.value = 5`.
    Raises ConfigError for fewer than two lengths.
    """

    context = "lab.tuning"
    settings = None  # a control has this name; see `choices`

    def __init__(
        self,
        grids: Mapping[int, Tuning],
        *,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
        **values,
    ) -> None:
        super().__init__(predict, language)
        check_integer("number of lengths in grids", len(grids), 2, 100)
        self.grids = dict(sorted(grids.items()))
        first = next(iter(self.grids.values()))
        drawn = np.random.default_rng(0).permutation(len(order(first)))
        self._drawn = [first.config.settings()[place] for place in drawn]
        self.found: Found | None = None
        self.table = self._tabulate(first.config.seeds)
        self._make_controls(dict.fromkeys(("settings", "short", "seeds"), self._moved), **values)
        self.pick.value = None  # initially the first of the short stage
        self._offer_picks()
        self._begin()

    def _tabulate(self, seeds: int) -> dict[str, Control]:
        lengths, count = list(self.grids), len(self._drawn)
        return {
            "pick": pick(self._drawn, width="32rem"),
            "settings": slide(2, count, count),
            "short": pick(lengths),
            "long": pick(lengths, lengths[-1]),
            "keep": slide(1, count, 3),
            "seeds": slide(1, seeds, seeds),
            "view": pick(VIEWS),
        }

    def _moved(self, _=None) -> None:
        self._offer_picks()
        self.changed()

    def _offer_picks(self) -> None:
        """Offers the settings in the order of the short stage; the pick is kept if it is still among them."""
        before = self.pick.value
        ordered = order(self._grid(self.short.value))
        self.pick.options = [(f"{place}. {setting}", setting) for place, setting in enumerate(ordered, start=1)]
        self.pick.value = before if before in ordered else ordered[0]

    def _grid(self, length: int) -> Tuning:
        settings = self._drawn[: self.settings.value]
        return part(self.grids[length], settings=settings, seeds=range(self.seeds.value))

    @property
    def choices(self) -> tuple[Setting, int, int, int, int]:
        """The settings that a prediction is about: pick, grid, both lengths and seeds; ConfigError for bad lengths."""
        short, long = self.short.value, self.long.value
        if short >= long:
            raise ConfigError("long must be more than short, {short} tokens, not {long}", short=short, long=long)
        return self.pick.value, self.settings.value, short, long, self.seeds.value

    def compute(self) -> None:
        """Judges two stages by the full grid; while closed, it only checks the lengths."""
        chosen, count, short, long, seeds = self.choices
        if not self.is_open:
            self._tell(list)
            return
        coarse, final, keep = self._grid(short), self._grid(long), min(self.keep.value, count)
        price = cost(count, short, long, keep, seeds)
        self.found = Found(1 + order(final).index(chosen), stand(coarse, final, keep), price)
        if self.view.value == VIEWS[0]:
            draw = partial(stages_figure, coarse, final, keep, pick=chosen)
        else:
            draw = partial(saving_figure, short, long, keep, own=count, most=max(60, count))
        self._draw(lambda say: draw(say=say), self.found, top=90)
        found, best = self.found, order(final)[0]
        self._tell(lambda: self._report(found, best, keep, count))

    def _report(self, found: Found, best: Setting, keep: int, count: int) -> list[str]:
        place, stands, price = found
        kept = self.say("kept=yes" if stands.kept else "kept=no")
        return [
            self.say("saved", two_stage=price.two_stage, full=price.full, saved=price.saved),
            self.say("best", best=self.tell(best.message), kept=kept, keep=keep, needed=stands.needed, count=count),
            self.say("places", pick=place, first=stands.place),
            self.say("behind", behind=stands.behind, correlation=stands.correlation),
        ]

    def _subject(self) -> tuple:
        return self.choices
