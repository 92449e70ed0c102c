"""A memory beside a body that was trained without one: the body's weights stay as they are, only the memory learns.

The memory is that of MAL: it reads before attention, and adds to what attention sees and to the layer's output. Its
last projection starts at zero, so the model first says exactly what the body says, and learns what to add; adapters
start like this too (LoRA, arXiv 2106.09685). Recipe: 2.1, where the main weights stay frozen.
"""

import torch

from ..errors import ConfigError
from ..memory import NeuralMemory
from .config import TitansConfig
from .model import TitansLM

BODY = ("vocab_size", "dim", "layers", "heads", "window", "persistent")  # settings that a body fixes


def place_beside(body: TitansLM, config: TitansConfig, *, silent: bool = True) -> TitansLM:
    """A new model with the settings `config` and the body's weights; only its memories get gradients.

    The body must have been made with memory_layers=(); it is neither changed nor shared. `config` must have the variant
    mal and say in `memory_layers` which layers get a memory. With `silent` False the memories speak from the start,
    through the random projection that they were drawn with. Raises ConfigError for anything that does not fit.
    """
    if any(map(body.config.has_memory, range(body.config.layers))):
        raise ConfigError("body must be a model without memory, whose memory_layers are ()")
    for name in BODY:
        own, given = getattr(body.config, name), getattr(config, name)
        if own != given:
            raise ConfigError("{name} must be the body's {own}, not {given}", name=name, own=own, given=given)
    if config.variant != "mal" or config.memory_layers == ():
        raise ConfigError("a memory beside a body needs the variant mal and a layer in memory_layers")
    lm, kept = TitansLM(config).to(body.head.weight), body.state_dict()
    lm.load_state_dict(lm.state_dict() | kept)
    for name, parameter in lm.named_parameters():
        parameter.requires_grad_(name not in kept)
    for part in lm.modules() if silent else ():
        if isinstance(part, NeuralMemory):
            torch.nn.init.zeros_(part.to_out.weight)
    return lm


def fitted(settings: dict, body: TitansConfig) -> dict:
    """Settings of a memory: those that the body fixes are taken from it where they still have their default."""
    plain, own = TitansConfig(), {name: getattr(body, name) for name in BODY} | {"variant": "mal"}
    left = {name for name in own if name in settings and settings[name] == getattr(plain, name)}
    return settings | {name: own[name] for name in left}
