"""In which language commands answer a person: in Chinese or in English. JSON, files and names are the same in both.

The Chinese stands in a package on top of this one. It names its module as the entry point `zh` of the group GROUP; the
module has `tell(message, language)` and `about(group, name, english, language)`. Without such a package, or without
what that needs, everything is English.
"""

import contextlib
import locale
import os
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from importlib.metadata import entry_points

from .errors import check_choice
from .messages import Message

GROUP = "titans_mini.languages"
VARIABLE = "TITANS_MINI_LANGUAGE"  # environment variable: the language of commands, and the default of labs
ENGLISH, LANGUAGES = "en", ("en", "zh")
CHINESE = ("zh", "chinese")  # how names of locales begin, the second on Windows
SAMPLE = "记忆"  # characters of mainland China: ASCII, Latin-1, Big5 and Shift JIS lack them
SETTINGS = ("name", "setting")  # fields of messages that hold the name of a setting

_words: ContextVar = ContextVar("words", default=None)  # (module, language), or None for English


def wanted() -> str:
    """The language that the environment asks for. ConfigError if TITANS_MINI_LANGUAGE is not one of LANGUAGES."""
    if os.environ.get(VARIABLE):
        return check_choice(VARIABLE, os.environ[VARIABLE], LANGUAGES)
    name = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    if name is None:  # Windows has none of them
        with contextlib.suppress(ValueError):  # a locale that Python does not know
            name = locale.getlocale()[0]
    return "zh" if re.split("[^a-z]", (name or "").lower())[0] in CHINESE else ENGLISH


@contextlib.contextmanager
def answering(language: str) -> Iterator[None]:
    """Inside it `say` and `about` speak this language, if a package knows it and the terminal can show it."""
    words = None
    if language != ENGLISH and all(_shows(stream) for stream in (sys.stdout, sys.stderr)):
        with contextlib.suppress(ImportError):  # such as that of Babel, which reads the catalogue
            for joined in entry_points(group=GROUP, name=language):  # of titans_course
                words = joined.load(), language
                words[0].tell(Message("usage: "), language)
    before = _words.set(words)
    try:
        yield
    finally:
        _words.reset(before)


def _shows(stream: object) -> bool:
    try:
        SAMPLE.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(template: str, /, **fields: object) -> str:
    """A template with its fields, or a Message, in the language of the command; names of settings stay as they are."""
    message = template if isinstance(template, Message) else Message(template, **fields)
    if _words.get() is None:
        return str(message)
    module, language = _words.get()
    return module.tell(_named(message), language)


def about(group: str, name: str, english: str) -> str:
    """The description of a name in a group, such as that of a preset, in the language of the command."""
    if _words.get() is None:
        return english
    module, language = _words.get()
    return module.about(group, name, english, language)


def note(template: str, /, **fields: object) -> None:
    """One line on stderr, for the person who runs the command."""
    print(f"titans-mini: {say(template, **fields)}", file=sys.stderr)


def _named(message: Message) -> Message:
    """The message with the names of settings as plain text: they are what a person types."""
    fields = {name: _named(value) if isinstance(value, Message) else value for name, value in message.fields.items()}
    names = {name: str(fields[name]) for name in SETTINGS if str(fields.get(name, "")).isidentifier()}
    return Message(message.template, **{**fields, **names})
