"""Checkpoints: weights as safetensors, and beside them a JSON card that says what they are and how they were made.

The card holds the SHA-256 of the weights file and one of itself, so that a file that was damaged, edited or swapped is
refused in one line and never read as something else.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from ..devices import usable_device
from ..errors import ConfigError, show
from ..files import parse, read_bytes, reason, write_whole
from ..kept import DamagedError, from_bytes, seal, to_bytes, unseal
from ..messages import Message
from ..models.config import TitansConfig
from ..models.model import TitansLM

BUNDLED = Path(__file__).parents[1] / "checkpoints"
WEIGHTS, CARD = ".safetensors", ".json"
DIGEST = "weights_sha256"  # in the card; the card's own is that of `kept`
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def save_model(lm: nn.Module, path: str | Path, card: dict | None = None) -> Path:
    """Writes `path`.safetensors and `path`.json; the card gets the model's settings, size and checksums.

    `path` may end in either of them. Returns the weights' path. Raises ConfigError for a path without a name, and
    OSError if nothing can be written.
    """
    weights, about = _files(path)
    weights.parent.mkdir(parents=True, exist_ok=True)
    # torch.compile wraps modules, which makes the names of their tensors longer.
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
    """The card of a bundled checkpoint's name or of a path. Raises ConfigError if it is damaged or was edited."""
    path = _find(name)[1]
    card = unsealed(path)
    try:
        _settings(card)
    except ValueError as error:
        text = "checkpoint card {file} does not fit this version: {problem}"
        raise ConfigError(text, file=repr(path.name), problem=reason(error)) from None
    return card


def unsealed(path: Path) -> dict:
    """The content of a card file. Raises ConfigError if it is damaged or was edited."""
    file = repr(path.name)
    try:
        return unseal(parse(read_bytes(path)))
    except DamagedError as error:
        raise ConfigError("checkpoint card {file} {problem}", file=file, problem=error.message) from None
    except (OSError, ValueError) as error:
        raise ConfigError("checkpoint card {file} cannot be read: {reason}", file=file, reason=reason(error)) from None


def load_model(name: str | Path, device: str = "cpu") -> TitansLM:
    """A new model on `device` with the weights of a bundled checkpoint's name or of a path; nobody else holds it.

    It has the floating-point type that was saved. Raises ConfigError, which names the tensor that does not fit.
    """
    place, card, path = usable_device(device), read_card(name), _find(name)[0]
    config, file = _settings(card), repr(path.name)
    try:
        data = read_bytes(path)
        if _sha256(data) != card[DIGEST]:
            raise DamagedError(Message("is damaged or belongs to another card: its checksum does not fit"))
        tensors = from_bytes(data)
        if not _of_its_size(tensors, config):
            with torch.device("meta"):  # shapes only: settings that no memory could hold are refused by the weights
                check_tensors(tensors, TitansLM(config).state_dict())
        with torch.device("cpu"):
            lm = TitansLM(config)
        fill(lm, tensors)
    except DamagedError as error:
        raise ConfigError("checkpoint {file} {problem}", file=file, problem=error.message) from None
    except (OSError, ValueError) as error:
        raise ConfigError("checkpoint {file} cannot be used: {problem}", file=file, problem=reason(error)) from None
    return lm.eval().to(place)


def _of_its_size(tensors: dict[str, Tensor], config: TitansConfig) -> bool:
    """Whether width, vocabulary and layers are those of the settings, so that the model is about as large as its file.

    Most files are. For the others a model without numbers finds what differs, which takes torch a second to prepare.
    """
    embed = tensors.get("embed.weight")
    wide = embed is not None and embed.shape == (config.vocab_size, config.dim)
    return wide and f"layers.{config.layers - 1}.norms.0.weight" in tensors


def check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raises ValueError for the first tensor that is missing, too many, not finite, or of another shape or type.

    Only shapes and types of `wanted` count. Floating-point types may differ from the wanted one, but not from each
    other: a model has one.
    """
    names = [(name, "tensor {name} is missing") for name in wanted if name not in found]
    names += [(name, "tensor {name} has no place in this model") for name in found if name not in wanted]
    for name, text in names:
        raise ValueError(Message(text, name=repr(name)))
    kinds: dict[torch.dtype, str] = {}
    for name, like in wanted.items():
        tensor, called = found[name], repr(name)
        if tensor.shape != like.shape:
            text, shapes = "tensor {name} has the shape {shape}, not {wanted}", (tuple(tensor.shape), tuple(like.shape))
            raise ValueError(Message(text, name=called, shape=str(shapes[0]), wanted=str(shapes[1])))
        if tensor.dtype != like.dtype and not (tensor.dtype in FLOATS and like.dtype in FLOATS):
            text = "tensor {name} is {type}, not {wanted}"
            raise ValueError(Message(text, name=called, type=_plain(tensor.dtype), wanted=_plain(like.dtype)))
        if tensor.dtype in FLOATS:
            kinds.setdefault(tensor.dtype, name)
            if not tensor.isfinite().all():
                raise ValueError(Message("tensor {name} holds NaN or infinite numbers", name=called))
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        text = "tensor {first} is {one}, but {second} is {other}"
        raise ValueError(Message(text, first=repr(first), one=_plain(one), second=repr(second), other=_plain(other)))


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts checked tensors into a module, which takes on their floating-point type. Raises ValueError."""
    check_tensors(tensors, module.state_dict())
    kind = next((tensor.dtype for tensor in tensors.values() if tensor.dtype in FLOATS), None)
    if kind is not None:
        module.to(kind)
    module.load_state_dict(tensors)


def bundled_names() -> list[str]:
    """The checkpoints that come with the package."""
    return sorted(path.name.removesuffix(WEIGHTS) for path in BUNDLED.glob(f"*{WEIGHTS}"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _settings(card: dict) -> TitansConfig:
    """The model's settings in a card, all of them. Raises ValueError."""
    for name, kind in (("model", dict), ("parameters", int), (DIGEST, str), ("training", dict)):
        if (name != "training" or name in card) and not isinstance(card.get(name), kind):
            raise ValueError(Message("its field {name} is missing or of the wrong kind", name=repr(name)))
    settings, known = dict(card["model"]), [field.name for field in fields(TitansConfig)]
    for name in known:
        if name not in settings:
            raise ValueError(Message("its model has no setting {name}", name=repr(name)))
    for name in settings:
        if name not in known:
            raise ValueError(Message("its model has the unknown setting {name}", name=repr(name)))
    try:  # JSON has lists in the place of tuples
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        return TitansConfig(**plain)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _files(name: str | Path) -> tuple[Path, Path]:
    """Paths of the weights and of the card. A name keeps its dots; it may end in one of the two endings."""
    text = os.fspath(name)
    for ending in (WEIGHTS, CARD):
        text = text.removesuffix(ending)
    if not text or Path(text).name in ("", "..") or text.endswith(("/", os.sep)):
        raise ConfigError("checkpoint must be a path that ends in a name, not {name}", name=repr(str(name)))
    return Path(text + WEIGHTS), Path(text + CARD)


def _find(name: str | Path) -> tuple[Path, Path]:
    """As `_files`, of a checkpoint that exists."""
    names = bundled_names()
    if str(name) in names:
        return _files(BUNDLED / name)
    try:
        found = _files(name)
        if found[0].exists():
            return found
    except (ConfigError, OSError, ValueError):  # a name that is too long, or none
        pass
    text = "checkpoint must be a path or one of {names}, not {name}"
    raise ConfigError(text, names=", ".join(names), name=show(str(name)))
