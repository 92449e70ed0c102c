"""RecallLab: eight pairs, filler, then the eight questions of a trained model, answered pair by pair."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch

from titans_mini.errors import check_choice, check_integer
from titans_mini.models.config import VARIANT_NAMES
from titans_mini.models.model import MODES, TitansLM
from titans_mini.training.checkpoint import bundled_names, load_model
from titans_mini.training.evaluate import answer_logits
from titans_mini.training.tasks import RECALL_KEYS, RECALL_VALUES, make_batch
from titans_mini.training.tasks import RECALL_PAIRS as PAIRS

from ..figures import COLOURS
from ..figures.trace import frame
from ..language import Say, option, spoken
from ..studies.reading import CHANCE
from .controls import entry, marks, pick
from .prediction import Prediction, PredictionPanel, asked

GAPS = (0, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
LONGEST = 65_536
PREFIX = "recall-"
QUESTION = asked("lab.variants", lambda found: float(found.right.sum()), pairs=PAIRS)


class Recalled(NamedTuple):
    """The questions in the order in which they are asked; each field (8,)."""

    keys: np.ndarray  # 0..31
    wanted: np.ndarray  # the value stated, 0..31
    said: np.ndarray  # the most likely token, as a value; outside 0..31 it is not a value
    chance: np.ndarray  # the probability given to the value stated

    @property
    def right(self) -> np.ndarray:
        """(8,) bool."""
        return self.said == self.wanted


def trained_variants() -> list[str]:
    """The variants for which a recall model is bundled."""
    return [name for name in sorted(VARIANT_NAMES) if PREFIX + name in bundled_names()]


@torch.inference_mode()
def ask_pairs(lm: TitansLM, gap: int, *, memory: str = "on", seed: int = 1234) -> Recalled:
    """States eight pairs, reads `gap` filler tokens, and asks for each pair. Raises ConfigError."""
    check_integer("gap", gap, 0, LONGEST)
    check_integer("sequence", seed, 0, 2**31 - 1)
    ids, ask = make_batch("recall_once", 1, gap, torch.Generator().manual_seed(seed), True)
    logits, wanted = answer_logits(lm, ids, ask, check_choice("memory", memory, MODES))
    chance = logits.softmax(-1).gather(1, wanted.unsqueeze(-1))[:, 0]
    keys = ids[:, :-1][ask[:, 1:]]
    said = logits.argmax(-1)
    return Recalled(*(part.numpy() for part in (keys, wanted - RECALL_KEYS, said - RECALL_KEYS, chance)))


def pairs_figure(found: Recalled, *, height: int = 320, say: Say = spoken) -> go.Figure:
    """A bar per pair: the probability given to the value stated, coloured by whether the answer is right."""
    colours = [COLOURS["g_write"] if right else COLOURS["surprise"] for right in found.right]
    names = [
        f"{say('key {key}', key=key)}<br>{say('told {value}', value=value)}"
        for key, value in zip(found.keys, found.wanted, strict=True)
    ]
    said = [say("says {value}", value=value) if 0 <= value < RECALL_VALUES else say("no value") for value in found.said]
    bars = go.Bar(
        x=names, y=found.chance.astype(np.float32), text=said, textposition="outside", marker_color=colours,
        cliponaxis=False, hovertemplate="%{x}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.add_hline(CHANCE, line={"dash": "dot", "width": 1.2, "color": COLOURS["g_forget"]})
    figure.update_yaxes(title_text=say("probability of the value told"), range=[0, 1.1], tickformat=".0%")
    return figure.update_layout(frame(height, bottom=60, showlegend=False))


class RecallLab(PredictionPanel):
    """A trained recall model: choose variant, gap and what its memory does, and see each pair's answer.

    With `predict` the plot stays closed until a prediction is entered, and a new one may be made for each setting.
    Each control is an attribute: `lab.gap.value = 2048`, `lab.memory.value = "off"`.
    """

    context = "lab.variants"
    table = {
        "variant": pick(trained_variants(), "mag"),
        "gap": marks(GAPS, 64, (0, LONGEST), form="{:,}"),
        "memory": pick(MODES, "on"),
        "seed": entry(1234),
    }

    def __init__(
        self, variant: str = "mag", *, predict: Prediction | None = QUESTION, language: str | None = None, **values
    ) -> None:
        super().__init__(predict, language)
        self.found: Recalled | None = None
        self._models: dict[str, TitansLM] = {}
        self._make_controls(variant=variant, **values)
        self._begin()

    def compute(self) -> None:
        """Asks the model as the controls say and shows its answers; does nothing while closed."""
        if not self.is_open:
            return
        name, gap, mode, seed = self.settings
        if name not in self._models:
            self._models[name] = load_model(PREFIX + name)
        found = self.found = ask_pairs(self._models[name], gap, memory=mode, seed=seed)
        self._draw(lambda say: pairs_figure(found, say=say), found)
        right = int(found.right.sum())
        self._tell(lambda: [self._report(right, variant=name, gap=gap, mode=mode)])

    def _report(self, right: int, *, variant: str, gap: int, mode: str) -> str:
        read = {"variant": variant, "gap": gap, "memory": option("memory", mode, self.language.value)}
        return self.say("told", **read, right=right, pairs=PAIRS, guessed=PAIRS * CHANCE)
