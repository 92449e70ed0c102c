"""A release: one version everywhere, a citation that is whole, badges and classifiers that say the same."""

import datetime
import re
import tomllib

import yaml
from lessons import ROOT

import titans_mini

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf8"))
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf8")
BADGES = re.findall(r">([^<>]+)</text>", (ROOT / "docs" / "badges.svg").read_text(encoding="utf8"))
README = (ROOT / "README.md").read_text(encoding="utf8")


def test_the_version_is_the_same_everywhere():
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT  # pyproject.toml takes it from the package
    versions = re.findall(r"^## (\d+\.\d+\.\d+)(?:, (\d{4}-\d\d-\d\d))?$", CHANGES, re.M)
    assert versions[0] == (titans_mini.__version__, CITATION["date-released"].isoformat())
    assert (
        CITATION["version"] == titans_mini.__version__ == dict(zip(BADGES[::2], BADGES[1::2], strict=True))["version"]
    )
    numbers = [tuple(map(int, version.split("."))) for version, _ in versions]
    assert numbers == sorted(numbers, reverse=True)


def test_every_wheel_that_is_named_is_of_this_version():
    named = [name for page in ("README.md", "README.zh.md", "DEPLOY.md") for name in re.findall(
        r"titans_mini-([\d.]+)-py3", (ROOT / page).read_text(encoding="utf8"))]  # fmt: skip
    assert named and set(named) == {titans_mini.__version__}


def test_the_citation_has_what_its_format_asks_for():
    """The required keys of the Citation File Format 1.2.0, and those of each reference."""
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software" and CITATION["message"]
    assert CITATION["title"].startswith("titans_mini") and CITATION["license"] == PROJECT["license"]
    assert isinstance(CITATION["date-released"], datetime.date) and CITATION["authors"][0]["name"]
    for paper in CITATION["references"]:
        assert paper["type"] == "article" and paper["title"] and paper["year"] == 2025
        assert all(author["family-names"] and author["given-names"] for author in paper["authors"])
        assert paper["url"].rpartition("/")[2] == paper["identifiers"][0]["value"].removeprefix("arXiv:")


def test_badges_say_what_the_metadata_says():
    says = dict(zip(BADGES[::2], BADGES[1::2], strict=True))
    pythons = [entry.rpartition(" ")[2] for entry in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", entry)]
    assert says["python"].split(" | ") == pythons and f">={pythons[0]}" == PROJECT["requires-python"]
    assert says["licence"] == PROJECT["license"] == (ROOT / "LICENSE").read_text(encoding="utf8").split(" License")[0]
    (text,) = re.findall(r"!\[([^\]]+)\]\(docs/badges\.svg\)", README)
    assert re.findall(r"3\.\d+", text) == pythons and f"version {titans_mini.__version__}" in text and "MIT" in text
