"""ParallelLab: the gates of a chunk make its coefficient matrix; a row of it, and what loop and chunk form cost."""

from __future__ import annotations

from typing import NamedTuple

import ipywidgets as w
import numpy as np
import torch

from titans_mini.config import MemoryConfig
from titans_mini.errors import check_choice, check_integer, check_number

from ..figures.parallel import coefficient_figure
from ..studies.parallel import MATRICES, Cost, chunk_cost, gate_matrices, loop_cost
from .prediction import Prediction, PredictionPanel, asked
from .words import roomy

CHUNKS = (1, 2, 4, 8, 16, 32, 64)
ODD = {"none": None, "alpha = 1": ("alpha", 1.0), "eta = 0": ("eta", 0.0), "theta = 0": ("theta", 0.0)}


class Chunk(NamedTuple):
    """The matrices of a chunk, and what its tokens cost in either form."""

    matrices: dict[str, np.ndarray]  # of MATRICES, each (c, c)
    loop: Cost
    chunk: Cost

    @property
    def first(self) -> float:
        """How much of gradient 0 is in the memory after the last write."""
        return float(self.matrices["Coef"][-1, 0])


QUESTION = asked("parallel", lambda found: found.first)


class ParallelLab(PredictionPanel):
    """Slide the gates of a chunk and see Coef, D or E with the row of one token; costs of loop and chunk form.

    `config` is the memory whose costs are counted. With `predict` the plot stays closed until a prediction is
    entered. Each control is an attribute: `lab.eta.value = 0.9`, `lab.odd.value = "alpha = 1"`.
    """

    texts = "parallel"

    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        chunk: int = 16,
        theta: float = 0.1,
        eta: float = 0.5,
        alpha: float = 0.1,
        matrix: str = "Coef",
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        self.config = config or MemoryConfig()
        self.found: Chunk | None = None
        check_integer("chunk", chunk, 1, CHUNKS[-1])
        gates = {"theta": theta, "eta": eta, "alpha": alpha}
        for name, value in gates.items():
            check_number(name, value, 0.0, 1.0)
        self._make_controls(chunk, gates, check_choice("matrix", matrix, MATRICES))
        self._arrange()
        self.changed()
        self.flush()

    def _make_controls(self, chunk: int, gates: dict[str, float], matrix: str) -> None:
        late = {"continuous_update": False}
        marks = [(str(mark), mark) for mark in sorted({*CHUNKS, chunk})]
        self.controls = {"chunk": w.SelectionSlider(options=marks, value=chunk, **late)}
        for name, value in gates.items():
            self.controls[name] = w.FloatSlider(value=value, min=0.0, max=1.0, step=0.01, **late)
        self.controls["odd"] = w.Dropdown(options=list(ODD))
        self.controls["matrix"] = w.Dropdown(options=list(MATRICES), value=matrix)
        self.controls["token"] = w.IntSlider(value=chunk - 1, min=0, max=chunk - 1, **late)
        self._watch(self.controls["chunk"], self._resize)
        for name, control in self.controls.items():
            setattr(self, name, self._name(name, roomy(control)))
            self._watch(control, self._moved if name in ("matrix", "token") else self.changed)

    @property
    def settings(self) -> tuple:
        """chunk, theta, eta, alpha and the odd gate, as the controls say now."""
        return tuple(self.controls[name].value for name in ("chunk", "theta", "eta", "alpha", "odd"))

    def gates(self) -> dict[str, torch.Tensor]:
        """{theta, eta, alpha}, each (c,)."""
        chunk, *values, odd = self.settings
        found = {
            name: torch.full((chunk,), value) for name, value in zip(("theta", "eta", "alpha"), values, strict=True)
        }
        if ODD[odd] is not None:
            name, value = ODD[odd]
            found[name][chunk // 2] = value
        return found

    def compute(self) -> None:
        """Multiplies the gates out and shows matrix, row and costs; while closed, nothing."""
        if not self.is_open:
            return
        costs = (form(self.config, self.chunk.value) for form in (loop_cost, chunk_cost))
        self.found = Chunk(gate_matrices(**self.gates()), *costs)
        self._draw()

    def _resize(self, change: dict) -> None:
        """A chunk of another size has other rows, from now on."""
        self.token.max = change["new"] - 1

    def _moved(self, _=None) -> None:
        """Another matrix or row of the same chunk."""
        self._later(self._draw)

    def _draw(self) -> None:
        if self.found is None:
            return
        name, token = self.matrix.value, self.token.value
        figure = coefficient_figure(self.found.matrices[name], token, name)
        if self.answer is not None and self._asked == self.settings:
            self._title(figure, self.found)
        self.stage.draw(figure)
        found, tokens = self.found, self.chunk.value
        self._tell(lambda: self._report(found, tokens, name, token))

    def _report(self, found: Chunk, tokens: int, name: str, token: int) -> list[str]:
        lines = [self.say("row", token=token, matrix=name, sum=found.matrices[name][token, : token + 1].sum())]
        for form, cost in (("loop", found.loop), ("chunk", found.chunk)):
            size = {"tokens": tokens, "width": self.config.head_dim}
            lines.append(self.say(f"cost={form}", **size, products=cost.products, flops=cost.flops, bytes=cost.bytes))
        return lines

    def _subject(self) -> tuple:
        return self.settings
