"""Commands, and their flags from the fields of a settings class: type, default and range of the field, its comment."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from ..language import say
from ..messages import Message
from ..settings import comments, limits

# Flags that mean the same in every command that has them.
SHARED = {
    "file": {"help": "read this UTF-8 text file instead of the bundled text"},
    "device": {"default": "cpu", "help": "where to compute: cpu, cuda, or cuda:1 for the second GPU (default cpu)"},
    "json": {"action": "store_true", "help": "print one JSON object"},
    "quiet": {"action": "store_true", "help": "no progress bar"},
}


def add_command(
    commands, name: str, run: Callable[[argparse.Namespace], int], text: str, *shared: str
) -> argparse.ArgumentParser:
    """A command, what runs it, its help, and these flags of SHARED."""
    command = commands.add_parser(name, help=say(text), description=say(text))
    command.set_defaults(run=run)
    for flag in shared:
        command.add_argument(f"--{flag}", **SHARED[flag])
    return command


def spellings(name: str) -> list[str]:
    """The flags of a field, the last of which is the clearest."""
    return ["--lam", "--lambda"] if name == "lam" else ["--" + name.replace("_", "-")]


def add_flags(command, settings: object, names: Iterable[str] | None = None, **renamed: str) -> None:
    """One flag for each field that has a comment, or for the named ones; `dim="width"` names the flag of a field.

    `settings` holds the defaults. The flag of a tuple takes one value or several.
    """
    meanings = comments(type(settings))
    for name in names or meanings:
        value, flag = getattr(settings, name), renamed.get(name, name)
        values = value if isinstance(value, tuple) else (value,)
        command.add_argument(
            *spellings(flag),
            dest=name,
            metavar=flag.upper(),
            type=str if value is None else type(values[0]),
            nargs="+" if isinstance(value, tuple) else None,
            default=value,
            help=say(meanings[name]) + _allowed(limits(type(settings), name), values),
        )


def _allowed(bounds: tuple, default: tuple) -> str:
    """The range or the choices of a flag and its default, in parentheses."""
    parts = []
    if len(bounds) == 2:
        low, high = (f"{bound:,}" if isinstance(bound, int) else f"{bound:g}" for bound in bounds)
        parts.append(Message("{low} to {high}", low=low, high=high))
    elif bounds:
        parts.append(", ".join(bounds[0]))
    shown = " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in default)
    parts += [Message("default {value}", value=shown)] if shown not in ("", "None") else []
    if len(parts) == 2:
        return say(" ({range}; {default})", range=parts[0], default=parts[1])
    return say(" ({part})", part=parts[0]) if parts else ""


def given(options: argparse.Namespace, names: Iterable[str]) -> dict:
    """The values of these flags by their fields."""
    return {name: getattr(options, name) for name in names}


def saved_in(file: Path | None, *, begun: bool = True) -> Message:
    """What a stopped command says of its work: in which file it is, None without --out, and how to continue."""
    if file is None or not begun:
        return Message("nothing is saved without --out" if file is None else "nothing is saved yet")
    return Message("saved in {place}: run the same command to continue", place=repr(str(file)))
