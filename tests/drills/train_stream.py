"""Trains the bundled `text-mag` on, with its state carried from piece to piece, and writes the model of the drills.

The bundled text models have read at most 256 bytes at a stretch; on a longer stream their memory spoils their
predictions, and the shadow rightly takes over. A model whose memory has learnt to live for tens of thousands of
tokens shows what a healthy stream looks like. Usage: python tests/drills/train_stream.py OUT
"""

import math
import os
import platform
import sys
import time

import torch
from torch.nn import functional

from titans_mini.checkpoint import load_model, save_model
from titans_mini.state import map_tensors
from titans_mini.tasks import text_bytes

STEPS, ROWS, PIECE, RATE = 300, 8, 256, 1e-3
STARTS = (0, 10, 30, 70, 150)  # steps at which all rows begin anew, elsewhere in the text; stretches grow


def main(out: str) -> None:
    torch.manual_seed(0)
    lm, ids, began = load_model("text-mag").train(), text_bytes(), time.perf_counter()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(lm.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.01)
    losses, state, place = [], None, None
    for step in range(STEPS):
        if step in STARTS:
            state, place = None, torch.randint(0, len(ids), (ROWS, 1), generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * (0.55 + 0.45 * math.cos(math.pi * step / STEPS))
        piece = ids[(place + torch.arange(PIECE + 1)) % len(ids)]  # (rows, piece + 1)
        logits, state = lm(piece[:, :-1], state)
        loss = functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
        optimizer.step()
        state, place = map_tensors(torch.Tensor.detach, state), place + PIECE
        losses.append(loss.item())
    card = {
        "training": {"task": "text", "from": "text-mag", "steps": STEPS, "rows": ROWS, "piece": PIECE, "lr": RATE},
        "tokens": STEPS * ROWS * PIECE,
        "seconds": round(time.perf_counter() - began, 1),
        "loss_first": losses[0],
        "loss_last": sum(losses[-20:]) / 20,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
    }
    save_model(lm, out, card)


if __name__ == "__main__":
    main(sys.argv[1])
