"""Checkpoints: weights as safetensors, and beside them a JSON card that says what they are and how they came about."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from ..config import TitansConfig
from ..errors import ConfigError
from ..files import write_whole
from ..models.model import TitansLM

BUNDLED = Path(__file__).parents[1] / "checkpoints"


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Writes the file whole or not at all."""
    write_whole(path, save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


def save_model(lm: TitansLM, path: str | Path, card: dict | None = None) -> Path:
    """Writes `path`.safetensors and `path`.json; the card gets the model's settings and size."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = sum(parameter.numel() for parameter in lm.parameters())
    save_tensors(lm.state_dict(), path.with_suffix(".safetensors"))
    content = {"model": asdict(lm.config), "parameters": size, **(card or {})}
    path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    return path.with_suffix(".safetensors")


def read_card(name: str | Path) -> dict:
    """The card of a bundled checkpoint's name or of a path without its ending."""
    path = _find(name).with_suffix(".json")
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"checkpoint card {path.name!r} cannot be read: {error}") from None


def load_model(name: str | Path) -> TitansLM:
    """A new model with the weights of a bundled checkpoint's name, or of a path; nobody else holds it."""
    card, path = read_card(name), _find(name)
    settings = dict(card["model"])
    settings["memory_layers"] = settings["memory_layers"] and tuple(settings["memory_layers"])
    lm = TitansLM(TitansConfig(**settings))
    try:
        lm.load_state_dict(load_file(path))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise ConfigError(f"checkpoint {path.name!r} cannot be read: {str(error).splitlines()[0]}") from None
    return lm.eval()


def bundled_names() -> list[str]:
    """The checkpoints that come with the package."""
    return sorted(path.stem for path in BUNDLED.glob("*.safetensors"))


def _find(name: str | Path) -> Path:
    path = (
        Path(name).with_suffix(".safetensors") if str(name) not in bundled_names() else BUNDLED / f"{name}.safetensors"
    )
    if not path.exists():
        raise ConfigError(f"checkpoint must be a path or one of {', '.join(bundled_names())}, not {str(name)!r}")
    return path


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors under plain names, for `save_tensors`."""
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `flatten_optimizer`."""
    state: dict[int, dict] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
