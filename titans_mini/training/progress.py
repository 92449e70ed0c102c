"""What a training run leaves in its folder so that it can continue: one file with model, optimizer and losses.

The file is packed (see `kept`): it is written atomically and holds its own checksum, so a run continues with exactly
what it had, or not at all.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..files import parse, read_bytes, reason, write_whole
from ..kept import DamagedError, pack, unpack
from ..messages import Message
from .checkpoint import check_tensors, fill

FILE = "progress.safetensors"
OLDER = "progress.json"  # what earlier versions wrote
SCHEMA = "titans_mini.training/1"
MODEL, OPTIMIZER, LOSSES = "model.", "optimizer.", "losses"  # names of the tensors, or their beginnings
FIELDS = {"settings": dict, "step": int, "seconds": float, "tokens": int}  # of the metadata


class Progress(NamedTuple):
    """How far a run is. `losses` has one number for each step."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    losses: tuple[float, ...] = ()


def save_progress(
    folder: Path, settings: dict, progress: Progress, lm: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Saves a run's state. Raises OSError."""
    tensors = {MODEL + key: value for key, value in lm.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():  # by the index of the parameter
        tensors |= {f"{OPTIMIZER}{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    tensors[LOSSES] = torch.tensor(progress.losses, dtype=torch.float64, device="cpu")
    run = {"settings": settings, "step": progress.step, "seconds": progress.seconds, "tokens": progress.tokens}
    write_whole(folder / FILE, pack(tensors, {"schema": SCHEMA, "run": json.dumps(run)}))


def load_progress(folder: Path, settings: dict, lm: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Puts a run's state into its model and optimizer, which stay as they are if the folder holds none.

    Raises ConfigError for the state of a run with other settings, unless it has not made a step, and for a file that
    is damaged, of another version, or not of a training.
    """
    try:
        return _load(folder, settings, lm, optimizer)
    except ConfigError:
        raise
    except DamagedError as error:
        problem = Message("{file} {problem}", file=FILE, problem=error.message)
    except OSError as error:
        problem = Message("{file} cannot be read: {reason}", file=FILE, reason=reason(error))
    except ValueError as error:
        problem = reason(error)
    text = "out folder {folder} holds a run that cannot continue: {problem}"
    raise ConfigError(text, folder=repr(folder.name), problem=problem)


def _load(folder: Path, settings: dict, lm: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """As `load_progress`; also raises OSError, and ValueError for a file that cannot be used."""
    if not (folder / FILE).exists():
        if (folder / OLDER).exists():
            raise ValueError(Message("{file} is of an earlier version", file=OLDER))
        return Progress()
    tensors, about = unpack(read_bytes(folder / FILE))
    if about.get("schema") != SCHEMA:
        text = "{file} has the schema {schema}; this version reads {own}"
        raise ValueError(Message(text, file=FILE, schema=repr(about.get("schema")), own=repr(SCHEMA)))
    run, losses = parse(about.get("run", "{}")), tuple(tensors.pop(LOSSES, torch.zeros(0)).tolist())
    usable = isinstance(run, dict) and all(isinstance(run.get(name), kind) for name, kind in FIELDS.items())
    if not usable or len(losses) != run["step"]:
        raise ValueError(Message("the fields of {file} do not fit together", file=FILE))
    if run["settings"] != json.loads(json.dumps(settings)):
        if run["step"] == 0:
            return Progress()
        text = "out folder {folder} holds a run with other settings; choose another"
        raise ConfigError(text, folder=repr(folder.name))
    _restore(optimizer, {name: tensor for name, tensor in tensors.items() if name.startswith(OPTIMIZER)}, lm)
    fill(lm, {name.removeprefix(MODEL): tensor for name, tensor in tensors.items() if name.startswith(MODEL)})
    return Progress(run["step"], run["seconds"], run["tokens"], losses)


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], lm: nn.Module) -> None:
    """Puts the optimizer's tensors back, checked against the model's parameters. Raises ValueError."""
    parameters = dict(enumerate(lm.parameters()))
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.removeprefix(OPTIMIZER).partition(".")
        parameter = parameters.get(int(index)) if index.isdecimal() else None
        if parameter is None or tensor.shape not in (parameter.shape, ()):
            raise ValueError(Message("tensor {name} has no place in this run", name=repr(key)))
        check_tensors({key: tensor}, {key: tensor})  # finite
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
