"""Controls: models trained without their memory, which show what the memory contributes.

A model evaluated with its memory frozen or off lacks a part that it was trained with, so its loss of accuracy
overstates what memory is worth. A control never had that part.
"""

from titans_mini.models.model import MODES
from titans_mini.training import checkpoint

SEEDS = "seeds"  # the folder of cards without weights

# What a control has in common with the models it is compared with -> its checkpoint. A step without memory is several
# times faster, so the second control took more steps in about the same time.
CONTROLS = {"same steps": "text-off", "same time": "text-off-long"}
RECALL_CONTROL = "recall-off"  # trained on recall for as many steps; it can only guess, so only its cards ship


def is_control(card: dict) -> bool:
    """Whether the model of this card was trained without its memory, whose weights are then untrained."""
    return card.get("training", {}).get("memory") == "off"


def modes_of(card: dict) -> tuple[str, ...]:
    """The memory modes that are meaningful for the model of this card: all three, or only "off" for a control."""
    return ("off",) if is_control(card) else MODES


def read_seeds(name: str) -> list[dict]:
    """The bundled cards of a training whose weights do not ship, such as "recall-off", in the order of their seeds.

    Raises ConfigError if a card is damaged or was edited.
    """
    return [checkpoint.unsealed(path) for path in sorted((checkpoint.BUNDLED / SEEDS).glob(f"{name}-[0-9].json"))]
