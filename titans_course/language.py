"""Two languages for labs, app and notebooks: gettext catalogues in `locale/`, one file a language.

`say("app", "tau?", "zh")` is the text of a key. The catalogues hold both languages, and the context of a key is
its front end: `app`, `lab` for all labs, `lab.tuning` for one, `shared` for app and labs.
`tell(message, "zh")` translates a `Message` of the package by its English template. The fields are filled in and
never looked up, unless they are messages themselves.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from titans_mini.errors import check_choice
from titans_mini.language import VARIABLE
from titans_mini.messages import Message, fill

LANGUAGES = {"en": "English", "zh": "中文"}
DEFAULT = "en"
LOCALE = Path(__file__).with_name("locale")
SHARED = "shared"

Say = Callable[..., str]  # a template and its fields -> text; `Message` says it in English


def choose(language: str | None = None) -> str:
    """`language`, or the environment's, or English; ConfigError that names the choices for any other."""
    if language is not None:
        return check_choice("language", language, LANGUAGES)
    return check_choice(VARIABLE, os.environ.get(VARIABLE) or DEFAULT, LANGUAGES)


@cache
def catalogue(language: str) -> dict[tuple[str | None, str], str]:
    """(context, key or English template) -> text, of the whole catalogue of a language."""
    from babel.messages.pofile import read_po  # imported here, since it takes a tenth of a second

    with (LOCALE / f"{language}.po").open("rb") as file:
        return {(entry.context, entry.id): entry.string for entry in read_po(file, locale=language) if entry.id}


def find(context: str, key: str, language: str = DEFAULT) -> str | None:
    """The unfilled text of a key in its context, in the part before its dot, or in `shared`; None if none has it."""
    texts = catalogue(language)
    places = (context, context.partition(".")[0], SHARED)
    return next((texts[place, key] for place in places if (place, key) in texts), None)


def say(context: str, key: str, language: str = DEFAULT, /, **fields: object) -> str:
    """The text of a key with its fields filled in. KeyError for a key that no context has."""
    text = find(context, key, language)
    if text is None:
        raise KeyError(f"{context}: {key}")
    return fill(text, fields)


def tell(message: object, language: str = DEFAULT) -> str:
    """A message of the package, or that of an error, in that language; anything without a translation is unchanged."""
    # Not by isinstance: an exercise also says so where a student's cell has replaced that.
    first = next(iter(getattr(message, "args", ())), None)
    message = first if hasattr(first, "template") else message
    if language == DEFAULT or not hasattr(message, "template"):
        return str(message)
    return _filled(message.template, message.fields, language)


def _filled(template: str, fields: Mapping[str, object], language: str) -> str:
    """The template in that language with its fields filled in; fields that are messages are translated too."""
    text = template if language == DEFAULT else catalogue(language).get((None, template), template)
    return fill(text, {name: tell(value, language) if hasattr(value, "template") else value
                       for name, value in fields.items()})  # fmt: skip


def about(group: str, name: str, english: str, language: str = DEFAULT) -> str:
    """The package's description of a name in a group; `english` is its English text."""
    return catalogue(language).get((f"about.{group}", name), english) if language != DEFAULT else english


def option(control: str, name: object, language: str = DEFAULT) -> str:
    """The label of one of a control's choices: its name if the language has no word for it."""
    return catalogue(language).get((f"option.{control}", str(name)), str(name))


@cache
def speaker(language: str = DEFAULT) -> Say:
    """A function that says a template with its fields, or a `Message`, in that language: the `say` of figures.

    The same function each time, so that caches keyed by it stay valid.
    """

    def speak(template: str, /, **fields: object) -> str:
        if isinstance(template, Message) and not fields:
            return tell(template, language)
        return _filled(template, fields, language)

    return speak


def spoken(template: str, /, **fields: object) -> str:
    """What `speaker` says in the environment's language: the `say` of figures that are given none."""
    return speaker(choose())(template, **fields)
