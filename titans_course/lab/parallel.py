"""ParallelLab: the coefficient matrix of a chunk by its gates, one row of it, and the costs of loop and chunk form."""

from typing import NamedTuple

import numpy as np
import torch

from titans_mini.config import MemoryConfig

from ..figures.parallel import coefficient_figure
from ..studies.parallel import MATRICES, Cost, chunk_cost, gate_matrices, loop_cost
from .controls import marks, pick, slide
from .prediction import Prediction, PredictionPanel, asked

CHUNKS = (1, 2, 4, 8, 16, 32, 64)
GATES = {"theta": 0.1, "eta": 0.5, "alpha": 0.1}
ODD = {"none": None, "alpha = 1": ("alpha", 1.0), "eta = 0": ("eta", 0.0), "theta = 0": ("theta", 0.0)}


class Chunk(NamedTuple):
    """The matrices of a chunk, and the costs of its tokens in either form."""

    matrices: dict[str, np.ndarray]  # of MATRICES, each (c, c)
    loop: Cost
    chunk: Cost

    @property
    def first(self) -> float:
        """How much of gradient 0 is in the memory after the last write."""
        return float(self.matrices["Coef"][-1, 0])


QUESTION = asked("lab.parallel", lambda found: found.first)


class ParallelLab(PredictionPanel):
    """Slide the gates of a chunk and see Coef, D or E with the row of one token; costs of loop and chunk form.

    `config` is the memory whose costs are counted. With `predict` the plot stays closed until a prediction is
    entered. Each control is an attribute: `lab.eta.value = 0.9`, `lab.odd.value = "alpha = 1"`.
    """

    context = "lab.parallel"
    table = {
        "chunk": marks(CHUNKS, 16, (1, CHUNKS[-1])),
        **{name: slide(0.0, 1.0, default, step=0.01) for name, default in GATES.items()},
        "odd": pick(ODD),
        "matrix": pick(MATRICES),
        "token": slide(0, CHUNKS[-1] - 1, 15),
    }

    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        chunk: int = 16,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
        **values,
    ) -> None:
        super().__init__(predict, language)
        self.config = config or MemoryConfig()
        self.found: Chunk | None = None
        self._make_controls({"matrix": self._moved, "token": self._moved}, chunk=chunk, **values)
        self._watch(self.chunk, self._resize)
        self.token.max = self.token.value = self.chunk.value - 1
        self._begin()

    @property
    def settings(self) -> tuple:
        """chunk, theta, eta, alpha and the odd gate, as the controls say now."""
        return tuple(self.controls[name].value for name in ("chunk", *GATES, "odd"))

    def gates(self) -> dict[str, torch.Tensor]:
        """{theta, eta, alpha}, each (c,)."""
        chunk, *values, odd = self.settings
        found = {name: torch.full((chunk,), value) for name, value in zip(GATES, values, strict=True)}
        if ODD[odd] is not None:
            name, value = ODD[odd]
            found[name][chunk // 2] = value
        return found

    def compute(self) -> None:
        """Multiplies the gates out and shows matrix, row and costs; does nothing while closed."""
        if not self.is_open:
            return
        costs = (form(self.config, self.chunk.value) for form in (loop_cost, chunk_cost))
        self.found = Chunk(gate_matrices(**self.gates()), *costs)
        self._show_row()

    def _resize(self, change: dict) -> None:
        """Adapts the range of rows to the size of the chunk."""
        self.token.max = change["new"] - 1

    def _moved(self, _=None) -> None:
        """Another matrix or row of the same chunk was selected."""
        self._later(self._show_row)

    def _show_row(self) -> None:
        if self.found is None:
            return
        name, token = self.matrix.value, self.token.value
        found, tokens = self.found, self.chunk.value
        self._draw(lambda say: coefficient_figure(found.matrices[name], token, name, say=say), found)
        self._tell(lambda: self._report(found, tokens, name, token))

    def _report(self, found: Chunk, tokens: int, name: str, token: int) -> list[str]:
        lines = [self.say("row", token=token, matrix=name, sum=found.matrices[name][token, : token + 1].sum())]
        for form, cost in (("loop", found.loop), ("chunk", found.chunk)):
            size = {"tokens": tokens, "width": self.config.head_dim}
            lines.append(self.say(f"cost={form}", **size, products=cost.products, flops=cost.flops, bytes=cost.bytes))
        return lines
