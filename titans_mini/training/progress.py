"""What a training run leaves in its folder so that it can continue: its tensors, and a file that points to them.

`progress.json` names the file of tensors and holds that file's SHA-256 and its own, so that a run continues with
exactly what it had, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..files import parse, read_bytes, write_whole
from ..kept import from_bytes, seal, to_bytes, unseal
from .weights import check_tensors, fill

PROGRESS = "progress.json"
MODEL, OPTIMIZER = "model.", "optimizer."  # beginnings of the tensors' names
STATES = "state-*.safetensors"


class Progress(NamedTuple):
    """How far a run is. `losses` has one number for each step."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    losses: tuple[float, ...] = ()


def save_progress(
    folder: Path, settings: dict, progress: Progress, lm: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Keeps a run's state: the tensors first, then the file that points to them. Raises OSError."""
    name, old = _state(progress.step), list(folder.glob(STATES))
    tensors = {MODEL + key: value for key, value in lm.state_dict().items()}
    data = to_bytes({**tensors, **_flatten(optimizer)})
    write_whole(folder / name, data)
    content = {"settings": settings, "file": name, "file_sha256": _sha256(data), **progress._asdict()}
    write_whole(folder / PROGRESS, json.dumps(seal(json.loads(json.dumps(content)))))
    for path in old:
        if path.name != name:
            path.unlink(missing_ok=True)


def load_progress(folder: Path, settings: dict, lm: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Puts a run's state into its model and optimizer, which stay as they are where the folder holds none.

    Raises ConfigError for the state of a run with other settings, unless it has not made a step, and for files that
    are damaged or that something else wrote.
    """
    try:
        if not (folder / PROGRESS).exists():
            return Progress()
        content = unseal(parse(read_bytes(folder / PROGRESS)))
        progress = _checked(content)
        if content["settings"] != json.loads(json.dumps(settings)):
            if progress.step == 0:
                return Progress()
            raise ConfigError(f"out folder {folder.name!r} holds a run with other settings; choose another")
        data = read_bytes(folder / content["file"])
        if _sha256(data) != content["file_sha256"]:
            raise ValueError(f"{content['file']} is damaged: its checksum does not fit")
        tensors = from_bytes(data)
        _restore(optimizer, {name: tensor for name, tensor in tensors.items() if name.startswith(OPTIMIZER)}, lm)
        fill(lm, {name.removeprefix(MODEL): tensor for name, tensor in tensors.items() if name.startswith(MODEL)})
        return progress
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = f"{Path(error.filename or PROGRESS).name} cannot be read: {error.strerror or error}"
        reason = f"{PROGRESS} {reason}" if reason.startswith("is ") else reason
        raise ConfigError(f"out folder {folder.name!r} holds a run that cannot continue: {reason}") from None


def _checked(content: dict) -> Progress:
    """The numbers in `progress.json`. Raises ValueError where the file is no such thing."""
    kinds = {"settings": dict, "file_sha256": str, "step": int, "seconds": float, "tokens": int, "losses": list}
    for name, kind in kinds.items():
        if not isinstance(content.get(name), kind):
            raise ValueError(f"{PROGRESS} has no usable field {name!r}")
    progress = Progress(*(content[name] for name in Progress._fields))
    if content.get("file") != _state(progress.step) or len(progress.losses) != progress.step:
        raise ValueError(f"the fields of {PROGRESS} do not fit together")
    return progress._replace(losses=tuple(progress.losses))


def _state(step: int) -> str:
    return STATES.replace("*", str(step))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors by name: optimizer.INDEX.NAME, with the parameter's index."""
    return {
        f"{OPTIMIZER}{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], lm: nn.Module) -> None:
    """The inverse of `_flatten`, checked against the model's parameters. Raises ValueError."""
    parameters = dict(enumerate(lm.parameters()))
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.removeprefix(OPTIMIZER).partition(".")
        parameter = parameters.get(int(index)) if index.isdecimal() else None
        if parameter is None or tensor.shape not in (parameter.shape, ()):
            raise ValueError(f"tensor {key!r} has no place in this run")
        check_tensors({key: tensor}, {key: tensor})  # finite
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
