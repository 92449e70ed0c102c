"""Files of questions: told apart by their content, read as published, and refused in one line where they are wrong."""

import json
import math
import os

import pytest
import torch
from torch.nn import functional

from titans_course.studies.evaluate_file import ask, evaluate_file
from titans_course.studies.story_files import FORMATS, read_file
from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.cli import main
from titans_mini.data.scenarios import to_bytes
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import save_model
from titans_mini.training.stories import STORIES, Story
from titans_mini.training.tasks import make_batch

BABI = "1 A cat sat.\n2 A dog ran.\n3 Who sat? \tcat\t1\n4 It fell.\n5 Who ran?\tdog\t2\n1 New.\n2 Who sat?\tcat\t1\n"
ROWS = [{"input": f"It is {n}.", "question": "What? ", "target": "here" if n else "there"} for n in range(4)]
LINES = "\n".join(map(json.dumps, ROWS))


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def lm():
    torch.manual_seed(0)
    config = TitansConfig("mag", dim=16, heads=2, window=4, chunk=4, persistent=2)
    return TitansLM(config).eval().requires_grad_(False)


def written(tmp_path, content):
    path = tmp_path / "file.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "form", "count"),
    [
        (BABI, "babi", 3),
        ("\ufeff" + BABI, "babi", 3),
        (BABI.replace("\n", "\r\n"), "babi", 3),
        (LINES, "babilong", 4),
        (json.dumps(ROWS, indent=1), "babilong", 4),
        ("To be, or not.", "text", 0),
        ("1 A numbered list\n2 without a question\n", "text", 0),
        ("{a brace} opens this text", "text", 0),
        ("[a bracket] opens this text", "text", 0),
        ('{"some": "other JSON"}', "text", 0),
        ("a table\twith tabs\n1 2\t3", "text", 0),
    ],
)
def test_a_file_is_recognised_by_its_content(tmp_path, content, form, count):
    read = read_file(written(tmp_path, content))
    assert (read.format, len(read.stories), read.text is None) == (form, count, form != "text")


def test_a_separator_inside_a_text_ends_no_line(tmp_path):
    """U+2028 and the form feed may stand in a JSON string, unescaped."""
    row = {**ROWS[0], "input": "one\u2028two\x85three"}
    assert read_file(written(tmp_path, json.dumps(row, ensure_ascii=False))).stories[0].sentences == [row["input"]]


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        ("hello", "babi", "line 1 of 'file.txt' does not begin with a number"),
        ("1 A cat sat.\n\n3\n", "babi", "line 3 of 'file.txt' has a number and no sentence"),
        (BABI + "nonsense\n", None, "line 8 of 'file.txt' does not begin with a number"),
        ("1 Who?\t\t1", None, "line 1 of 'file.txt' has an empty answer"),
        ("1 \tcat\t1", "babi", "line 1 of 'file.txt' has an empty question"),
        ("1 A cat sat.", "babi", "'file.txt' holds no question"),
        (LINES + "\n{", None, "line 5 of 'file.txt' is not a BABILong file: "),
        (LINES[:-5], None, "line 4 of 'file.txt' is not a BABILong file: "),
        ('{"input": "a", "question": "b", "target": 3}', None, "target must be a text"),
        ('{"input": "a", "question": " ", "target": "c"}', None, "has an empty question"),
        (
            '[{"input": "a", "question": "b", "target": "c"}, 5]',
            None,
            "row 2 of 'file.txt' is not a BABILong file: a row",
        ),
        ("[" * 100_000, "babilong", "is nested too deep"),
        ("hello", "babilong", "line 1 of 'file.txt' is not a BABILong file"),
        ("[]", "babilong", "'file.txt' holds no question"),
        ("", None, "is empty"),
        (" \n", None, "is empty"),
        ("", "babi", "holds no question"),
        (b"\xff\xfe1\0", None, "is not UTF-8 text: byte 0 cannot be decoded"),
        (b"a\0b", None, "is binary or UTF-16"),
        (BABI, "squad", "format must be one of text, babi, babilong, not 'squad'"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, content, form, message):
    with pytest.raises(ConfigError) as caught:
        read_file(written(tmp_path, content), form)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [None, *FORMATS])
def test_a_file_that_is_not_there_is_one_line(tmp_path, form):
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opened as a file it would never answer
    for path in (tmp_path / "absent", tmp_path, "nul\0", tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_file(path, form)


def test_a_story_is_told_as_it_was_in_training():
    """With no text around it, the bytes of the task are those of the story's own words."""
    for name in STORIES:
        ids, wanted = make_batch(name, 1, 0, torch.Generator().manual_seed(4))
        dice = torch.Generator().manual_seed(4)
        torch.randint(0, 10**6, (1, 1), generator=dice)  # where the text around it begins
        torch.randint(0, 1, (), generator=dice)  # which kind of story
        story = STORIES[name](dice)
        question, answer = story.asked
        assert torch.equal(ids[0], torch.cat([*story.told, question, answer]))
        assert torch.equal(ids[wanted], answer)


def test_an_answer_is_exact_if_every_byte_is_the_likeliest(lm):
    """The answer that the model itself gives is exact; the same with its last byte changed is not."""
    story = Story(["The cat sat on the mat."] * 30, "Where?", "")
    ids = torch.cat([*story.told, story.asked[0]]).unsqueeze(0)
    for _ in range(3):
        ids = torch.cat([ids, lm(ids)[0][:, -1:].argmax(-1)], dim=1)
    said = bytes(ids[0, -3:].tolist())
    forced = torch.cat([ids, to_bytes(".").unsqueeze(0)], dim=1)
    logits = lm(forced[:, :-1])[0][0, -4:]

    class Said(Story):
        asked = (story.asked[0], forced[0, -4:])

    exact, bits = ask(lm, Said(story.sentences, "Where?", "?"))
    expected = functional.cross_entropy(logits, forced[0, -4:]).item() / math.log(2)
    assert bits == pytest.approx(expected, rel=1e-5) and exact == bool(logits[-1].argmax() == ord("."))

    class Own(Story):
        asked = (story.asked[0], ids[0, -3:])

    assert ask(lm, Own(story.sentences, "Where?", "?"))[0] and len(said) == 3

    class Other(Story):
        asked = (story.asked[0], torch.cat([ids[0, -3:-1], (ids[0, -1:] + 1) % 256]))

    assert not ask(lm, Other(story.sentences, "Where?", "?"))[0]


def test_questions_give_exact_answers_beside_frozen_and_the_commonest_answer(lm, tmp_path):
    path = written(tmp_path, LINES)
    found = evaluate_file(lm, path, modes=("on", "frozen"))
    assert (found["format"], found["questions"], found["in_file"]) == ("babilong", 4, 4)
    assert (found["most_frequent"], found["most_frequent_answer"]) == (0.75, "here")
    assert set(found["exact"]) == set(found["bits"]) == {"on", "frozen"}
    assert found["exact"]["on"] == 0  # untrained
    stories = read_file(path).stories
    assert found["bits"]["on"] == pytest.approx(sum(ask(lm, story)[1] for story in stories) / 4)
    some = evaluate_file(lm, path, questions=2, seed=1)
    assert (some["questions"], some["in_file"], some["seed"]) == (2, 4, 1)
    assert some == evaluate_file(lm, path, questions=2, seed=1)


def test_a_text_gives_the_bits_of_its_bytes(lm, tmp_path):
    text = "Snow 雪 falls. " * 40
    path = written(tmp_path, text)
    found = evaluate_file(lm, path)
    ids = to_bytes(text).unsqueeze(0)
    expected = functional.cross_entropy(lm(ids[:, :-1])[0][0], ids[0, 1:]).item() / math.log(2)
    assert found["bits"] == pytest.approx(expected, rel=1e-5) and found["bytes"] == ids.shape[1]
    assert evaluate_file(lm, path, size=50)["bytes"] == 50
    for wrong in (1, 20_000_000):
        with pytest.raises(ConfigError, match="size must be a whole number from 2"):
            evaluate_file(lm, path, size=wrong)
    with pytest.raises(ConfigError, match="at least 2 bytes, not 1"):
        evaluate_file(lm, written(tmp_path, "x"))


def test_the_command_reads_each_kind(lm, tmp_path, capsys):
    save_model(lm, tmp_path / "m", {"training": {"task": "text", "memory": "on"}})

    def run(content, *arguments):
        path = written(tmp_path, content)
        code = main(["eval", "--checkpoint", str(tmp_path / "m"), "--file", str(path), *arguments])
        out, error = capsys.readouterr()
        return json.loads(out) if code == 0 else error

    assert run("Some text.")["memory"] == "on"
    assert list(run(BABI)["exact"]) == ["on", "frozen"]
    assert list(run(BABI, "--memory", "off")["exact"]) == ["off", "frozen"]
    assert list(run(BABI, "--memory", "frozen")["exact"]) == ["frozen"]
    assert run(BABI, "--rows", "1")["questions"] == 1
    assert run(BABI, "--format", "text")["format"] == "text"
    assert (
        run(BABI, "--task", "text") == "titans-mini: --task cannot be used with --file, which takes the task's place\n"
    )
    assert "reads a plain text, not a file of the format babi" in run(
        BABI, "--format", "babi", "--measure", "half-life"
    )
