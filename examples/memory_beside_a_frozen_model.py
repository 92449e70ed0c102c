"""A memory beside a small model that is already trained and stays as it is. Takes about 20 seconds.

The body is trained first, without memory: it can only guess facts that lie outside its window of 16 tokens. Then it is
frozen, and a memory beside it learns by itself to remember them.

    python examples/memory_beside_a_frozen_model.py
"""

from dataclasses import replace

import torch
from torch.nn import functional

from titans_mini import TitansConfig, TitansLM
from titans_mini.models.beside import place_beside
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, make_batch

BODY = TitansConfig(
    variant="mal", vocab_size=TASKS["recall"].vocab_size, dim=32, layers=2, heads=2, chunk=8, memory_layers=()
)
# Keys that tell the last token apart, and a path from what the memory recalls to the prediction.
MEMORY = replace(BODY, memory_layers=(0,), memory_depth=1, reach=(1,), key_width=128, copy=True, momentum=False)


def learn(lm: TitansLM, steps: int, lr: float = 1e-2) -> None:
    """Trains the parameters that get gradients on sequences of facts, filler and questions."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW([part for part in lm.parameters() if part.requires_grad], lr=lr)
    for _ in range(steps):
        ids, ask = make_batch("recall", 16, 32, generator)
        logits, _ = lm(ids[:, :-1])
        functional.cross_entropy(logits[ask[:, 1:]], ids[:, 1:][ask[:, 1:]]).backward()
        optimizer.step()
        optimizer.zero_grad()


def recall(lm: TitansLM, memory: str) -> float:
    """Share of eight facts that are recalled 200 tokens later."""
    return evaluate(lm, "recall_once", 200, rows=32, memory=memory)["accuracy"]


torch.manual_seed(0)
body = TitansLM(BODY)
learn(body, 100)
lm = place_beside(body, MEMORY)
before = {name: part.clone() for name, part in body.state_dict().items()}
learn(lm, 100)

print(f"recall of the body: {recall(body, 'off'):.0%}")
print(f"with the memory beside it: {recall(lm, 'on'):.0%}")
after = lm.state_dict()
print("every weight of the body is what it was:", all(torch.equal(after[name], part) for name, part in before.items()))
