"""The lessons' maps say in Chinese what they say in English, in the same boxes; the other pictures are figures."""

import re
from pathlib import Path

import pytest
from lessons import ROOT, tool
from words import HAN, english

from titans_course.language import VARIABLE, catalogue

DRAWN = ("build_keys", "build_loops", "parallel_paths", "operations_objects", "sessions_file")
NAMES = "MLP CNN MAL MAG MAC silu norm Coef branch play feed piece rollback read state Drill Runner Monitor Snapshots"
NAMES += " SHA W_K W_V g_write"


@pytest.fixture
def images(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tool("images")


def parts(svg: str) -> tuple[list[str], int, int]:
    """The words of a map, its boxes and its lines."""
    return re.findall(r"<text[^>]*>([^<]*)<", svg), svg.count("<rect"), svg.count("<path")


def test_the_maps_are_chinese_and_have_the_same_boxes_and_lines(images, monkeypatch):
    maps = {name: make for name, make in images.PICTURES.items() if name.startswith("map_") or name in DRAWN}
    assert len(maps) > 20
    for name, make in maps.items():
        monkeypatch.setenv(VARIABLE, "en")
        told, *shape = parts(make())
        monkeypatch.setenv(VARIABLE, "zh")
        said, *drawn = parts(make())
        assert drawn == shape and english(told, NAMES.split()), name
        assert english(said, NAMES.split()) == set() and any(map(HAN.search, said)), name
        again = [word for step in (1, 2) for word, after in zip(said, said[step:], strict=False) if word == after]
        assert not any(map(HAN.search, again)), (name, again)


def test_pictures_lie_in_a_folder_of_their_language(images, monkeypatch):
    assert images.place() == images.IMAGES == ROOT / "notebooks" / "images"
    monkeypatch.setenv(VARIABLE, "zh")
    assert images.place() == images.IMAGES / "zh"


def test_the_table_of_their_words_has_no_entry_that_no_picture_says(images):
    from pictures.words import CHINESE, say

    code = "\n".join(path.read_text("utf8") for path in Path(images.__file__).parent.glob("pictures/*.py"))
    made = {"row", "matrix", *(f"write {t}, read {t}" for t in (1, 2, 3))}
    assert {key for key in CHINESE if f'"{key}"' not in code} - made == set()
    said = [re.sub(r"\{[^}]*\}", "", text) for text in CHINESE.values()]
    assert english(said, [*NAMES.split(), "vb"]) == set()
    assert say("share right") == "share right" and (None, "share right") in catalogue("zh")
