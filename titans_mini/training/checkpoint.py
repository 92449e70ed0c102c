"""Checkpoints: weights as safetensors, and beside them a JSON card that says what they are and how they came about.

The card holds the SHA-256 of the weights file and one of itself, so that a file that was damaged, edited or swapped is
refused in one line and never read as something else.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import TitansConfig
from ..errors import ConfigError
from ..files import parse, read_bytes, write_whole
from ..kept import DamagedError, from_bytes, seal, to_bytes, unseal
from ..models.model import TitansLM
from .weights import check_tensors, fill

BUNDLED = Path(__file__).parents[1] / "checkpoints"
WEIGHTS, CARD = ".safetensors", ".json"
SEEDS = "seeds"  # the folder of cards without weights
DIGEST = "weights_sha256"  # in the card; the card's own is that of `sealed`


def save_model(lm: nn.Module, path: str | Path, card: dict | None = None) -> Path:
    """Writes `path`.safetensors and `path`.json; the card gets the model's settings, size and checksums.

    Either ending may stand at the end of `path`. Returns the weights' path. Raises ConfigError for a path without a
    name, and OSError where nothing can be written.
    """
    weights, about = _files(path)
    weights.parent.mkdir(parents=True, exist_ok=True)
    # torch.compile wraps modules, whose tensors then have longer names
    data = to_bytes({key.replace("_orig_mod.", ""): tensor for key, tensor in lm.state_dict().items()})
    size = sum(parameter.numel() for parameter in lm.parameters())
    write_whole(weights, data)
    write_card(about, {"model": asdict(lm.config), "parameters": size, **(card or {}), DIGEST: _sha256(data)})
    return weights


def write_card(path: Path, content: dict) -> None:
    """Writes a card with the checksum of its content."""
    plain = json.loads(json.dumps({name: value for name, value in content.items() if name != "sha256"}))
    write_whole(path, json.dumps(seal(plain), indent=1) + "\n")


def read_card(name: str | Path) -> dict:
    """The card of a bundled checkpoint's name or of a path. Raises ConfigError where it is damaged or was edited."""
    path = _find(name)[1]
    card = _unsealed(path)
    try:
        _settings(card)
    except ValueError as error:
        raise ConfigError(f"checkpoint card {path.name!r} does not fit this version: {error}") from None
    return card


def read_seeds(name: str) -> list[dict]:
    """The bundled cards of a training whose weights do not ship, such as "recall-off", in the order of their seeds.

    Raises ConfigError where one is damaged or was edited.
    """
    return [_unsealed(path) for path in sorted((BUNDLED / SEEDS).glob(f"{name}-[0-9].json"))]


def _unsealed(path: Path) -> dict:
    """The content of a card. Raises ConfigError."""
    try:
        return unseal(parse(read_bytes(path)))
    except OSError as error:
        raise ConfigError(f"checkpoint card {path.name!r} cannot be read: {error.strerror or error}") from None
    except DamagedError as error:
        raise ConfigError(f"checkpoint card {path.name!r} {error}") from None
    except ValueError as error:
        raise ConfigError(f"checkpoint card {path.name!r} cannot be read: {error}") from None


def load_model(name: str | Path) -> TitansLM:
    """A new model with the weights of a bundled checkpoint's name, or of a path; nobody else holds it.

    It has the floating-point type that was saved. Raises ConfigError, which names the tensor that does not fit.
    """
    card, path = read_card(name), _find(name)[0]
    config = _settings(card)
    try:
        data = read_bytes(path)
        if _sha256(data) != card[DIGEST]:
            raise ValueError("is damaged or belongs to another card: its checksum does not fit")
        tensors = from_bytes(data)
        if not _of_its_size(tensors, config):
            with torch.device("meta"):  # shapes only: settings that no memory could hold are refused by the weights
                check_tensors(tensors, TitansLM(config).state_dict())
        with torch.device("cpu"):
            lm = TitansLM(config)
        fill(lm, tensors)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        reason = reason if reason.startswith("is ") else f"cannot be used: {reason}"
        raise ConfigError(f"checkpoint {path.name!r} {reason}") from None
    return lm.eval()


def _of_its_size(tensors: dict[str, Tensor], config: TitansConfig) -> bool:
    """Whether width, vocabulary and layers are those of the settings, so that the model is about as large as its file.

    Most files are; for the others a model without numbers tells what differs, which torch takes a second to prepare.
    """
    embed = tensors.get("embed.weight")
    wide = embed is not None and embed.shape == (config.vocab_size, config.dim)
    return wide and f"layers.{config.layers - 1}.norms.0.weight" in tensors


def bundled_names() -> list[str]:
    """The checkpoints that come with the package."""
    return sorted(path.name.removesuffix(WEIGHTS) for path in BUNDLED.glob(f"*{WEIGHTS}"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _settings(card: dict) -> TitansConfig:
    """The model's settings in a card, all of them. Raises ValueError."""
    for name, kind in (("model", dict), ("parameters", int), (DIGEST, str), ("training", dict)):
        if (name != "training" or name in card) and not isinstance(card.get(name), kind):
            raise ValueError(f"its field {name!r} is missing or of the wrong kind")
    settings, known = dict(card["model"]), [field.name for field in fields(TitansConfig)]
    for name in (*known, *settings):
        if name not in settings or name not in known:
            raise ValueError(f"its model has {'no' if name in known else 'the unknown'} setting {name!r}")
    layers = settings["memory_layers"]
    try:
        return TitansConfig(**{**settings, "memory_layers": tuple(layers) if isinstance(layers, list) else layers})
    except TypeError as error:
        raise ValueError(str(error)) from None


def _files(name: str | Path) -> tuple[Path, Path]:
    """Paths of the weights and of the card. A name keeps its dots; one of the two endings may be there."""
    text = os.fspath(name)
    for ending in (WEIGHTS, CARD):
        text = text.removesuffix(ending)
    if not text or Path(text).name in ("", "..") or text.endswith(("/", os.sep)):
        raise ConfigError(f"checkpoint must be a path that ends in a name, not {str(name)!r}")
    return Path(text + WEIGHTS), Path(text + CARD)


def _find(name: str | Path) -> tuple[Path, Path]:
    """As `_files`, of a checkpoint that is there."""
    names = bundled_names()
    if str(name) in names:
        return _files(BUNDLED / name)
    try:
        found = _files(name)
        if found[0].exists():
            return found
    except (ConfigError, OSError, ValueError):  # a name that is too long, or none
        pass
    raise ConfigError(f"checkpoint must be a path or one of {', '.join(names)}, not {_short(str(name))!r}")


def _short(name: str) -> str:
    return name if len(name) <= 100 else name[:97] + "..."
