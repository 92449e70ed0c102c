"""Controls: the same model trained without its memory, which says what the memory was worth in training.

A model that is read with its memory frozen or off has lost a part that it was trained with, so what it then loses is
not what memory is worth. A control never had the part.
"""

from __future__ import annotations

from ..models.model import MODES

# What a control shares with the models it stands beside, and the checkpoint that ships. A step without memory is
# several times faster, so the second one took more steps in about the same time.
CONTROLS = {"same steps": "text-off", "same time": "text-off-long"}
RECALL_CONTROL = "recall-off"  # as many steps on the recall task; it can only guess, so only its cards ship


def is_control(card: dict) -> bool:
    """Whether the model of this card was trained without its memory, whose weights are then untrained."""
    return card.get("training", {}).get("memory") == "off"


def modes_of(card: dict) -> tuple[str, ...]:
    """The memory modes that mean something for the model of this card: all three, or only "off" for a control."""
    return ("off",) if is_control(card) else MODES
