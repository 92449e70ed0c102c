"""The words of the lessons' pictures, in the language of the environment, and the plain figures that say them.

`words.toml` holds the Chinese of what only the pictures say; the rest is in the course's catalogue.
"""

import tomllib
from functools import partial
from pathlib import Path

from titans_course.figures import anatomy, spread
from titans_course.language import choose, spoken
from titans_mini.messages import fill

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHINESE: dict[str, str] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf8"))


def say(template: str, /, **fields: object) -> str:
    """The `say` of pictures: a template of the table or of the catalogue, with its fields filled in."""
    if choose() == "zh" and template in CHINESE:
        return fill(CHINESE[template], fields)
    return spoken(template, **fields)


def lessons() -> Path:
    """The folder of the lessons in the language of the environment."""
    return NOTEBOOKS / "zh" if choose() == "zh" else NOTEBOOKS


curve_figure = partial(anatomy.curve_figure, say=say)
spread_figure = partial(spread.spread_figure, say=say)
