"""Evaluation: accuracy and bits on the answers of a task, at any length, in constant memory."""

import math
import time

import torch
from torch import Tensor
from torch.nn import functional

from ..defaults import plain_defaults
from ..models.model import TitansLM
from .tasks import make_batch

PIECE = 1024  # tokens read at once; the state carries over


def answer_logits(lm: TitansLM, ids: Tensor, ask: Tensor, memory: str = "on") -> tuple[Tensor, Tensor]:
    """(logits, targets) of the asked tokens, row by row: (asked, vocab) and (asked,).

    ids (b, t) may be very long: only the logits of asked tokens are kept.
    """
    state, kept = None, []
    for piece, wanted in zip(ids[:, :-1].split(PIECE, dim=1), ask[:, 1:].split(PIECE, dim=1), strict=True):
        logits, state = lm(piece, state, memory=memory)
        kept.append((wanted, logits[wanted]))
    rows = torch.cat([wanted.nonzero()[:, 0] for wanted, _ in kept])
    order = rows.argsort(stable=True)
    return torch.cat([logits for _, logits in kept])[order], ids[:, 1:][ask[:, 1:]]


@plain_defaults()
@torch.inference_mode()
def evaluate(
    lm: TitansLM, task: str, size: int, *, rows=64, memory="on", seed=1234, held_out=True, source: Tensor | None = None
) -> dict:
    """Evaluates a model on `rows` sequences of a task; they are cut from `source` (t,) if given, see `make_batch`.

    Returns a plain dict: `accuracy` is the share of asked tokens that are predicted, `exact` the share of sequences
    with all of them, and `bits` the mean bits per asked token.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = make_batch(task, rows, size, generator, held_out, source)
    ids, ask = (tensor.to(lm.head.weight.device) for tensor in batch)
    began = time.perf_counter()
    logits, targets = answer_logits(lm, ids, ask, memory)
    seconds = time.perf_counter() - began
    hits = logits.argmax(-1) == targets
    row = ask[:, 1:].nonzero()[:, 0]
    wrong = torch.zeros(rows, dtype=torch.bool, device=ids.device).index_put((row[~hits],), hits.new_ones(()))
    return {
        "task": task,
        "size": size,
        "rows": rows,
        "memory": memory,
        "accuracy": hits.double().mean().item(),
        "exact": 1 - wrong.double().mean().item(),
        "bits": functional.cross_entropy(logits, targets).item() / math.log(2),
        "tokens_per_second": ids.numel() / seconds,
    }
