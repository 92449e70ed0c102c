"""One colour per symbol, told apart by every eye: normal, red-blind, green-blind, and, within a row, in grey print."""

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from titans_course import playground
from titans_course.figures import COLOURS
from titans_course.figures.claims import VERDICT_COLOURS

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf8"))["theme"]
# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency (2009), table 1,
# severity 1; they act on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = np.array([0.95047, 1, 1.08883])
NEAREST = 9.0  # CIEDE2000 between two colours; 1 is just seen side by side
SHADES = {True: 16.0, False: 8.0}  # L* between two curves of one row: both solid, or one of them dashed
VISIBLE = 3.0  # contrast with the page. WCAG 1.4.11
ROWS = [("surprise", "momentum"), ("g_write", "g_forget"), *((name, "pinned") for name in COLOURS if name != "pinned")]


def linear(colour: str) -> np.ndarray:
    """(3,) linear RGB of "#RRGGBB"."""
    share = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """(3,) CIE L*a*b* of linear RGB."""
    share = TO_XYZ @ rgb.clip(0, 1) / WHITE
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def shade(colour: str) -> float:
    """L* of a colour in grey print."""
    return lab(np.full(3, TO_XYZ[1] @ linear(colour)))[0]


def contrast(one: str, other: str) -> float:
    low, high = sorted(TO_XYZ[1] @ linear(colour) + 0.05 for colour in (one, other))
    return high / low


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """CIEDE2000 between two colours in L*a*b*."""
    chroma = np.mean([np.hypot(*colour[1:]) for colour in (one, other)])
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25**7))
    (l1, c1, h1), (l2, c2, h2) = (
        (light, np.hypot(a * stretch, b), np.degrees(np.arctan2(b, a * stretch)) % 360) for light, a, b in (one, other)
    )
    turn = (h2 - h1 + 180) % 360 - 180
    hue = (h1 + turn / 2) % 360
    wide = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    cos = lambda factor, start: np.cos(np.radians(factor * hue + start))  # noqa: E731
    t = 1 - 0.17 * cos(1, -30) + 0.24 * cos(2, 0) + 0.32 * cos(3, 6) - 0.2 * cos(4, -63)
    light, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    parts = np.array([l2 - l1, c2 - c1, wide])
    parts /= 1 + np.array([0.015 * light**2 / np.sqrt(20 + light**2), 0.045 * chroma, 0.015 * chroma * t])
    bend = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    return float(np.sqrt(parts @ parts + bend * parts[1] * parts[2]))


def test_the_distance_is_the_published_one():
    """Sharma, Wu, Dalal: The CIEDE2000 Color-Difference Formula (2005), pairs 1, 7, 17 and 25 of table 1."""
    for one, other, expected in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert distance(np.array(one, float), np.array(other, float)) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_eye_takes_one_symbol_for_another(theme):
    colours = dict(zip(COLOURS, THEME[theme]["chartCategoricalColors"], strict=True))
    for eye, matrix in EYES.items():
        seen = {name: lab(matrix @ linear(colour)) for name, colour in colours.items()}
        for one, other in itertools.combinations(seen, 2):
            assert distance(seen[one], seen[other]) >= NEAREST, (eye, one, other)
    for one, other in ROWS:
        assert abs(shade(colours[one]) - shade(colours[other])) >= SHADES[other != "pinned"], (one, other)
    assert min(contrast(colour, THEME[theme]["backgroundColor"]) for colour in colours.values()) >= VISIBLE


def test_figures_app_and_playground_have_the_same_colours():
    assert list(COLOURS.values()) == THEME["light"]["chartCategoricalColors"]
    style = (Path(playground.__file__).parent / "playground.css").read_text("utf8")
    for part, name in (("surprise", "surprise"), ("hit", "right"), ("written", "g_write")):
        (pair,) = re.findall(rf"--{part}-colour: light-dark\((#\w+), (#\w+)\)", style)
        place = list(COLOURS).index(name)
        assert list(pair) == [THEME[theme]["chartCategoricalColors"][place] for theme in ("light", "dark")]


def test_good_and_bad_verdicts_are_told_apart():
    for matrix in EYES.values():
        seen = [lab(matrix @ linear(colour)) for colour in VERDICT_COLOURS.values()]
        assert min(distance(*pair) for pair in itertools.combinations(seen, 2)) >= NEAREST
