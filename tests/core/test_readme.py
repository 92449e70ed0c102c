"""The README: examples run and print what it says, tables are the cards', links and commands lead somewhere."""

import re
import shlex

import pytest
from lessons import ROOT, tool

from titans_course.cli.evaluate import MEASURES
from titans_mini.cli.commands import parse
from titans_mini.errors import ConfigError
from titans_mini.training.checkpoint import BUNDLED, bundled_names, read_card, unsealed
from titans_mini.training.tasks import RECALL_VALUES, TASKS

README = (ROOT / "README.md").read_text(encoding="utf8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)
PAGES = (
    "README.md", "README.zh.md", "DEPLOY.md", "CONTRIBUTING.md", "TEACHING.md", "TEACHING.zh.md",
    "notebooks/GLOSSARY.md", "notebooks/RECIPE.md",
)  # fmt: skip
CODE = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\S+/)?titans-mini (\S+\s.+)", re.S)


def commands(text: str) -> list[str]:
    """The arguments of each `titans-mini` command of a page that has some; test_names.py looks at bare names.

    A piece such as `--steps 900` later in the paragraph belongs to the command before it and is one more command.
    """
    found = []
    for block in re.findall(r"```\n(.*?)```", text, re.S):
        found += [shown.group(1) for shown in map(COMMAND.fullmatch, block.replace("\\\n", " ").split("\n")) if shown]
    for paragraph in re.sub(r"```.*?```", "", text, flags=re.S).split("\n\n"):
        before = None
        for piece in CODE.findall(paragraph):
            if shown := COMMAND.fullmatch(piece):
                before = shown.group(1)
                found.append(before)
            elif before and piece.startswith("--") and piece != "--help":
                found.append(f"{before} {piece}")
    return found


def test_examples_run_and_print_what_is_said(capsys):
    shared = {}
    for example in EXAMPLES:
        exec(compile(example, "README.md", "exec"), shared)
    promised = re.search(r"prints `(.+?)`", README.replace("\n", " ")).group(1)
    assert len(EXAMPLES) >= 2 and promised in capsys.readouterr().out


def test_the_first_screen_says_shows_and_runs_it():
    first = "\n".join(README.splitlines()[:35])
    assert len(README.splitlines()) <= 168
    assert "neural memory" in first and "![" in first and "make app" in first and "```python" in first


def test_contributing_fits_one_screen_and_says_what_is_refused():
    page = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    assert len(page.splitlines()) <= 45 and "## What is refused" in page


@pytest.mark.parametrize("page", [*PAGES, "docs/DIFFERENCES.md", "docs/TEXT_MODELS.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text("utf8")):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target


def test_every_module_is_in_the_tree():
    tree = README.split("## Where things are")[1]
    for path in sorted([*(ROOT / "titans_mini").iterdir(), *(ROOT / "titans_course").iterdir()]):
        if path.suffix == ".py" and not path.stem.startswith("_"):
            assert path.name in tree, path.name
        elif path.is_dir() and any(path.glob("*.py")):
            assert f"{path.name}/" in tree, path.name


def test_tables_are_those_of_the_cards():
    assert tool("tables").fill(README) == README


def test_commands_of_a_page_are_found():
    block = "```\nA=1 .venv/bin/titans-mini app --port 1\n```\n"
    page = f"`titans-mini eval\n--size 8`, (`--seed 1`), `titans-mini tune`; `x --help`\n\n`--task`\n\n{block}"
    assert commands(page) == ["app --port 1", "eval\n--size 8", "eval\n--size 8 --seed 1"]
    assert len(commands(README)) >= 6
    assert "app --no-browser --port 8501" in commands((ROOT / "DEPLOY.md").read_text("utf8"))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_can_be_run(page):
    for command in commands((ROOT / page).read_text("utf8")):
        try:
            options = vars(parse(shlex.split(command)))
        except ConfigError as error:
            pytest.fail(f"{page}: titans-mini {command}: {error}")
        for name, known in (("checkpoint", bundled_names()), ("task", TASKS), ("measure", MEASURES)):
            assert options.get(name) is None or options[name] in known, f"{page}: titans-mini {command}"


def test_a_wrong_flag_does_not_parse():
    with pytest.raises(ConfigError):
        parse(shlex.split("train --task recall --out runs/recall --speed 3"))


def test_what_the_prose_says_of_the_models_stands_on_their_cards():
    prose = " ".join(README.split())
    recall, mac, text = (read_card(name) for name in ("recall-mag", "recall-mac", "text-mag"))
    near = next(row for row in recall["results"] if row["task"] == "recall_once")
    chance = f"{1 / RECALL_VALUES:.0%}"
    for said in (
        f"Attention sees a window of {recall['model']['window']} tokens, a guess is right in {chance} of cases",
        f"no training sequence has more than {recall['training']['size']} filler tokens",
        f"Byte-level models of {text['parameters'] / 1e6:.1f}M parameters",
        f"mean and range over five sets of {read_card('needle-mag')['results'][-1]['rows']} texts",
        f"{text['context'][0]['rows']} stretches of 128 held-out bytes",
        f"--task recall_once --size {near['size']} --rows {near['rows']}`",
    ):
        assert said in prose, said
    story, control = read_card("story-mag")["results"], unsealed(BUNDLED / "seeds" / "story-off-0.json")["results"]
    on, frozen, off = (f"{row['exact']:.0%}" for row in (*story[:2], control[0]))
    assert {(row["task"], row["size"], row["rows"]) for row in (*story[:3], control[0])} == {("stories", 384, 512)}
    assert f"answers {on} of 512 questions" in prose and f"frozen {frozen}, and trained without memory {off}" in prose
    shown = {key: f"--{key.replace('_', '-')} {value}" for key, value in mac["training"].items()}
    assert f"(MAC: `{shown['steps']} {shown['easy']} {shown['start_size']}`)" in prose
    flags = {"steps": 100, "rows": 4, "start_size": 2048, "size": 16_384, "truncate": 256, "returns": 0.2, "lr": 0.004}
    assert flags.items() <= text["training"].items()
    page = " ".join((ROOT / "docs" / "TEXT_MODELS.md").read_text("utf-8").split())
    assert all(f"--{key.replace('_', '-')} {value:g}".replace("0.004", "4e-3") in page for key, value in flags.items())
    assert f"for the same time with `--steps {read_card('text-off-long')['training']['steps']}`" in page
    shape = {"memory_layers": [0], "memory_heads": 4, "memory_depth": 1, "chunk": 32, "reach": [2, 3, 4, 6]}
    assert {**shape, "copy": True, "momentum": False}.items() <= text["model"].items()
