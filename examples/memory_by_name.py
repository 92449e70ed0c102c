"""A memory that is kept from one call to the next under the name of its user. Takes about 5 seconds.

Every call opens a session, reads some tokens and closes it; the state then lies in a file. A second user of the same
model has a memory of their own. The model is `recall-mag`, which comes with the package and was trained on facts like
these: a key (0 to 31), then its value (32 to 63).

    python examples/memory_by_name.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from titans_mini.operate.engine import LanguageEngine
from titans_mini.operate.sessions import Sessions
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import recall_filler, recall_pairs

KEYS = torch.arange(8)


def call(folder: Path, user: str, ids: Tensor) -> Tensor:
    """One request, as a new process would handle it: reads ids (t,), keeps the state, returns the logits (t, vocab)."""
    engine = LanguageEngine(load_model("recall-mag"))
    with Sessions(folder, engine).open(user, "facts") as session:
        reading = engine.read(ids, session.state)
        session.state = reading.state
    return reading.output[0]


def recall(folder: Path, user: str, values: Tensor) -> float:
    """Asks for each key, followed by its value, and counts the right predictions."""
    asked = recall_pairs(KEYS[None], values[None])[0]  # (16,): key, value, key, value ...
    return (call(folder, user, asked)[::2].argmax(-1) == asked[1::2]).float().mean().item()


generator = torch.Generator().manual_seed(0)
values = {user: torch.randint(0, 32, (8,), generator=generator) for user in ("ada", "ben")}
with TemporaryDirectory() as place:
    folder = Path(place)
    for user, told in values.items():
        call(folder, user, recall_pairs(KEYS[None], told[None])[0])
    for _ in range(3):
        call(folder, "ada", recall_filler(1, 100, generator)[0])
    print(f"ada's facts, 3 calls and 300 tokens later: {recall(folder, 'ada', values['ada']):.0%} recalled")
    print(f"ben's facts: {recall(folder, 'ben', values['ben']):.0%} recalled")
    print(f"a user who was told nothing: {recall(folder, 'cleo', values['ada']):.0%} recalled")
