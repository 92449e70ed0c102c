"""`titans-mini eval`: scores of a checkpoint on a task, on text, or on a file, printed as one JSON object."""

import argparse
import json

from titans_mini.cli.flags import add_command
from titans_mini.data.scenarios import to_bytes
from titans_mini.errors import ConfigError, check_choice, check_integer
from titans_mini.messages import Message
from titans_mini.models.model import MODES, TitansLM
from titans_mini.training.checkpoint import bundled_names, load_model, read_card
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, check_size, check_vocabulary

from ..studies import context as measure
from ..studies import ngram_cache
from ..studies.controls import is_control, modes_of
from ..studies.evaluate_file import check_bytes, evaluate_file
from ..studies.story_files import FORMATS, read_file

MEASURES = ("accuracy", "context", "swap", "second-reading", "return", "half-life")


def add_eval(commands) -> None:
    """The command `eval` and its flags."""
    text = "evaluate a checkpoint on a task, on text or on a file, and print one JSON object"
    command = add_command(commands, "eval", _eval, text, "device")
    names = Message("a path, or one of {names}", names=", ".join(bundled_names()))
    command.add_argument("--checkpoint", required=True, help=names)
    tasks = Message("{names} (default: the one that the model was trained on)", names=", ".join(TASKS))
    command.add_argument("--task", help=tasks)
    size_help = "tokens between facts and questions, or bytes of text (default 256; of a text file, all)"
    command.add_argument("--size", type=int, help=size_help)
    command.add_argument(
        "--rows", type=int, help="sequences, or questions of a file (default 64; each --measure has its own)"
    )
    memory_help = (
        "on, frozen or off (default on; for a model trained without memory: off); for the measures of text "
        "also cache: no memory, but counts of what followed before"
    )
    command.add_argument("--memory", help=memory_help)
    seed_help = Message("seed of the random choices (default {seed})", seed=measure.SEED)
    command.add_argument("--seed", type=int, default=measure.SEED, help=seed_help)
    measures = Message("{names} (all but the first read text)", names=", ".join(MEASURES))
    command.add_argument("--measure", default=None, help=measures)
    for flag, kind, lengths in (
        ("--context", "context", measure.CONTEXTS),
        ("--passage", "second-reading", measure.PASSAGES),
    ):
        text = "lengths for --measure {kind} (default {lengths})"
        lengths_help = Message(text, kind=kind, lengths=" ".join(map(str, lengths)))
        command.add_argument(flag, type=int, nargs="+", metavar="BYTES", help=lengths_help)
    command.add_argument("--file", help="read this text, bAbI file or BABILong file instead of a task")
    formats = Message("{names} (default: recognised by the content of --file)", names=", ".join(FORMATS))
    command.add_argument("--format", help=formats)


def _eval(options: argparse.Namespace) -> int:
    chosen = check_choice("measure", options.measure or _implied(options), MEASURES)
    _check_flags(options, chosen)
    if options.rows is not None:
        check_integer("rows", options.rows, 1, 100_000)
    check_integer("seed", options.seed, 0, 2**31 - 1)
    lm, card = load_model(options.checkpoint, options.device), read_card(options.checkpoint)
    memory = _memory(options.memory, card, (ngram_cache.NAME,) if chosen != "accuracy" else ())
    if chosen != "accuracy":
        result = _measure(lm, chosen, memory, options)
    elif options.file is not None:
        modes = (memory, *(mode for mode in modes_of(card) if mode == "frozen" and memory != "frozen"))
        questions = options.rows or 64
        found = evaluate_file(
            lm, options.file, options.format, modes=modes, size=options.size, questions=questions, seed=options.seed
        )
        result = {**found, **_trained(card)}
    else:
        result = _on_task(lm, card, memory, options)
    print(json.dumps(result))
    return 0


def _implied(options: argparse.Namespace) -> str:
    """The measure that the flags imply if --measure is not given."""
    return "context" if options.context else "second-reading" if options.passage else "accuracy"


def _check_flags(options: argparse.Namespace, chosen: str) -> None:
    """Raises ConfigError for flags that do not go together."""
    for flag, needed in (("context", "context"), ("passage", "second-reading")):
        if getattr(options, flag) is not None and chosen != needed:
            text = "--{flag} can only be used with --measure {needed}, not {measure}"
            raise ConfigError(text, flag=flag, needed=needed, measure=chosen)
    if options.format is not None and options.file is None:
        raise ConfigError("--format can only be used with --file")
    if options.task is not None and options.file is not None:
        raise ConfigError("--task cannot be used with --file, which takes the task's place")
    if chosen != "accuracy":
        for flag in ("task", "size"):
            if getattr(options, flag) is not None:
                text = "--{flag} cannot be used with --measure {measure}, which reads text"
                raise ConfigError(text, flag=flag, measure=chosen)


def _memory(given: str | None, card: dict, more: tuple[str, ...]) -> str:
    """The requested memory mode or one of `more`, or the card's own."""
    modes = modes_of(card)
    if given is None:
        return modes[0]
    check_choice("memory", given, (*MODES, *more))
    if given not in (*modes, *more):
        text = "memory must be off for a model that was trained without memory, not {value}"
        raise ConfigError(text, value=repr(given))
    return given


def _trained(card: dict) -> dict:
    """Marks a control as such in the output."""
    return {"trained_without_memory": True} if is_control(card) else {}


def _measure(lm: TitansLM, chosen: str, memory: str, options: argparse.Namespace) -> dict:
    check_bytes(lm)
    source, about = None, {"text": "held-out part of the bundled text"}
    if options.file is not None:
        read = read_file(options.file, options.format or "text")
        if read.text is None:
            text = "--measure {measure} reads a plain text, not a file of the format {form}"
            raise ConfigError(text, measure=chosen, form=read.format)
        source, about = to_bytes(read.text), {"text": options.file}
    settings = {"memory": memory, "seed": options.seed, "source": source}
    settings |= {} if options.rows is None else {"rows": options.rows}
    if chosen == "context":
        rows = measure.by_context(lm, options.context or measure.CONTEXTS, **settings)
    elif chosen == "second-reading":
        rows = measure.second_reading(lm, options.passage or measure.PASSAGES, **settings)
    else:
        rows = measure.MEASURES[chosen.replace("-", "_")](lm, **settings)
    return {"measure": chosen, **about, "memory": memory, "results": rows}


def _on_task(lm: TitansLM, card: dict, memory: str, options: argparse.Namespace) -> dict:
    trained = card.get("training", {}).get("task")
    if options.task is None and trained is None:
        raise ConfigError("--task is needed, since this checkpoint's card does not say what it was trained on")
    task = check_choice("task", options.task or trained, TASKS)
    size = check_size("size", task, 256 if options.size is None else options.size)
    check_vocabulary(task, lm.config.vocab_size)
    rows = options.rows or 64
    return {**evaluate(lm, task, size, rows=rows, memory=memory, seed=options.seed), "seed": options.seed}
