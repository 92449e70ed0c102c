"""Tasks: what is asked can be answered from what was told, and from nothing nearer."""

import json
import re

import pytest
import torch

from titans_course.studies.story_files import read_babi, read_babilong
from titans_mini import ConfigError
from titans_mini.training.stories import STORIES
from titans_mini.training.tasks import (
    LATE,
    LAYOUTS,
    RECALL_KEYS,
    RECALL_PAIRS,
    RECALL_VALUES,
    TASKS,
    Layout,
    make_batch,
    mixed_layout,
    recall_batch,
    text_bytes,
    with_returns,
)
from titans_mini.training.train import TrainConfig, training_batch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def as_text(ids):
    return bytes(ids.tolist()).decode(errors="replace")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [3, 90])
def test_batches_are_seeded_and_inside_the_vocabulary(task, size):
    first, again, other = (make_batch(task, 5, size, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.ids, again.ids) and not torch.equal(first.ids, other.ids)
    assert first.ids.shape == first.ask.shape and first.ids.dtype == torch.int64
    assert first.ids.min() >= 0 and first.ids.max() < TASKS[task].vocab_size
    assert first.ask.any(1).all() and not first.ask[:, 0].any()


def test_recall_asks_for_what_was_told_and_only_for_that():
    gap = 20
    ids, ask = make_batch("recall_once", 8, gap, generator())
    for row, asked in zip(ids.tolist(), ask.tolist(), strict=True):
        told = dict(zip(row[0 : 2 * RECALL_PAIRS : 2], row[1 : 2 * RECALL_PAIRS : 2], strict=True))
        assert len(told) == RECALL_PAIRS
        places = [i for i, flag in enumerate(asked) if flag]
        assert len(places) == RECALL_PAIRS and min(places) == 2 * RECALL_PAIRS + gap + 1
        assert all(told[row[i - 1]] == row[i] for i in places)
        assert min(row[2 * RECALL_PAIRS :][:gap]) >= RECALL_KEYS + RECALL_VALUES


def told_and_asked(row, asked):
    """What a row tells, as (place, key, value) in order, and what it asks, as (key, value)."""
    places = [i for i, flag in enumerate(asked) if flag]
    first, told, i = min(places) - 1, [], 0
    while i < first:
        told += [(i, row[i], row[i + 1])] if row[i] < RECALL_KEYS else []
        i += 2 if row[i] < RECALL_KEYS else 1
    return told, [(row[i - 1], row[i]) for i in places], first


@pytest.mark.parametrize("task", ["recall", *LAYOUTS])
@pytest.mark.parametrize("seed", range(12))
def test_every_key_told_is_asked_once_for_its_latest_value(task, seed):
    ids, ask = make_batch(task, 3, 30, generator(seed))
    for row, flags in zip(ids.tolist(), ask.tolist(), strict=True):
        told, asked, _ = told_and_asked(row, flags)
        assert sorted(asked) == sorted({key: value for _, key, value in told}.items())
        assert {value - RECALL_KEYS for _, _, value in told} <= set(range(RECALL_VALUES))
        assert RECALL_PAIRS <= len(told) <= RECALL_KEYS


@pytest.mark.parametrize(
    ("task", "facts", "keys", "lead", "filler"),
    [
        ("recall_once", RECALL_PAIRS, RECALL_PAIRS, 0, 50),
        ("recall_late", RECALL_PAIRS, RECALL_PAIRS, LATE, LATE + 50),
        ("recall_groups", 2 * RECALL_PAIRS, 2 * RECALL_PAIRS, 0, 64 + 50),
        ("recall_overwritten", 2 * RECALL_PAIRS, RECALL_PAIRS, 0, 64 + 50),
        ("recall_many", RECALL_KEYS, RECALL_KEYS, 0, 50),
    ],
)
def test_a_layout_is_what_its_name_says(task, facts, keys, lead, filler):
    ids, ask = make_batch(task, 4, 50, generator())
    for row, flags in zip(ids.tolist(), ask.tolist(), strict=True):
        told, asked, first = told_and_asked(row, flags)
        assert len(told) == facts and len(asked) == keys and told[0][0] == lead
        assert first - 2 * facts == filler and first - told[-1][0] - 2 == 50  # the gap behind the last fact


def test_training_meets_facts_anywhere_in_groups_overwritten_and_in_every_number():
    layouts = [mixed_layout(generator(seed)) for seed in range(300)]
    assert {sum(layout.groups) for layout in layouts} == set(range(RECALL_PAIRS, RECALL_KEYS + 1))
    assert {len(layout.groups) for layout in layouts} == {1, 2, 3}
    assert 0.1 < sum(layout.overwritten for layout in layouts) / 300 < 0.3
    starts = {told_and_asked(ids.tolist(), ask.tolist())[0][0][0] for seed in range(20)
              for ids, ask in zip(*make_batch("recall", 4, 40, generator(seed)), strict=True)}  # fmt: skip
    assert len(starts) > 30 and min(starts) == 0 and max(starts) > 30


def test_rows_of_a_batch_differ_in_place_but_not_in_layout():
    ids, ask = recall_batch(6, 40, generator(), None)
    assert ids.shape == ask.shape and len({row.index(min(row)) for row in ids.tolist()}) > 1
    ids, _ = recall_batch(2, 5, generator(), Layout((2, 1), lead=3, between=4, overwritten=True))
    assert ids.shape == (2, 3 + 4 + 4 + 2 + 5 + 4)


def test_the_needle_is_told_once_and_asked_at_the_end():
    ids, ask = make_batch("needle", 8, 400, generator())
    for row, asked in zip(ids, ask, strict=True):
        name, code = re.search(r"\[([A-Z]{3})=(\d\d)$", as_text(row)).groups()
        assert as_text(row[asked]) == code
        assert as_text(row[:-7]).count(f"[{name}={code}]") == 1


@pytest.mark.parametrize("name", [*STORIES, "stories"])
def test_stories_hide_in_text_and_end_in_the_answer(name):
    ids, ask = make_batch(name, 8, 500, generator())
    for row, asked in zip(ids, ask, strict=True):
        assert re.search(r"\? (\w+)\.$", as_text(row)).group(1) + "." == as_text(row[asked])


def solve(name, story):
    """The answer by rules of its own, from the sentences alone."""
    words = [sentence.rstrip(".").split() for sentence in story.sentences]
    asked = story.question.rstrip("?").split()
    place = {w[0]: w[-1] for w in words if w[1] == "went"}
    holder = {w[-1]: w[0] for w in words if w[1] == "took"}
    if name == "one_fact":
        return place[asked[-1]]
    if name == "two_facts":
        return place[holder[asked[-1]]]
    if name == "yes_no":
        return "yes" if place[asked[1]] == asked[-1] else "no"
    if name == "counting":
        dropped = sum(w[1] == "dropped" for w in words)
        return ("none", "one", "two", "three")[len(holder) - dropped]
    when = " ".join(asked[3:])
    return next(w[4] for w in words if " ".join(w[5:]) == when)


@pytest.mark.parametrize("name", STORIES)
def test_stories_can_be_solved_and_their_answers_vary(name):
    dice = generator()
    stories = [STORIES[name](dice) for _ in range(60)]
    assert all(solve(name, story) == story.answer for story in stories)
    assert len({story.answer for story in stories}) > 1


def test_held_out_text_is_apart():
    train, test = text_bytes(), text_bytes(held_out=True)
    assert len(train) > 8 * len(test) > 0
    assert as_text(test[:200]) not in as_text(train)


def test_unknown_tasks_are_refused():
    with pytest.raises(ConfigError, match="task must be one of recall, recall_once, .*, needle"):
        make_batch("chess", 1, 1, generator())


def test_published_babi_files_are_read(tmp_path):
    path = tmp_path / "qa1.txt"
    path.write_text(
        "1 A cat sat.\n2 A dog ran.\n3 Who sat? \tcat\t1\n4 It fell.\n5 Who ran?\tdog\t2\n1 New.\n2 What?\tx\t1\n"
    )
    stories = read_babi(path)
    assert [(len(s.sentences), s.question, s.answer) for s in stories] == [
        (2, "Who sat?", "cat"),
        (3, "Who ran?", "dog"),
        (1, "What?", "x"),
    ]


@pytest.mark.parametrize("lines", [True, False])
def test_published_babilong_files_are_read(tmp_path, lines):
    rows = [{"input": "long text", "question": "Where? ", "target": "here"}] * 2
    path = tmp_path / "qa1.json"
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    assert [tuple(story) for story in read_babilong(path)] == [(["long text"], "Where?", "here")] * 2


@pytest.mark.parametrize("reader", [read_babi, read_babilong])
@pytest.mark.parametrize("content", [b"hello", b"\xff\xfe", b'{"input": 3}'])
def test_other_files_are_refused_in_one_line(tmp_path, reader, content):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        reader(path)
    assert "\n" not in str(caught.value)


def test_mixed_stories_hold_every_kind_of_question():
    ids, _ = make_batch("stories", 60, 0, generator())
    question = re.compile(r"(Where is the|Where is|Where was|Is|How many) [^.?]*\? \w+\.$")
    starts = {question.search(as_text(row)).group(1) for row in ids}
    assert starts == {"Where is the", "Where is", "Where was", "Is", "How many"}


def test_passages_return_after_100_to_2000_bytes():
    ids = torch.arange(4 * 8192).view(4, 8192) + 1000  # no number twice
    made = with_returns(ids, 0.25, generator())
    share, gaps = [], []
    for row in made.tolist():
        seen: dict[int, int] = {}
        back = []
        for place, byte in enumerate(row):
            back.append(place - seen.get(byte, place) if byte >= 1000 else 0)
            seen[byte] = place
        share.append(sum(map(bool, back)) / len(back))
        gaps += [gap for gap in back if gap]
    assert 0.12 < sum(share) / 4 < 0.3  # and a fourth of the passages is random letters
    assert min(gaps) >= 132 and max(gaps) <= 2256
    letters = made[made < 1000]
    assert letters.min() >= 97 and letters.max() <= 122 and 0.02 < len(letters) / made.numel() < 0.25
    assert torch.equal(with_returns(ids, 0.25, generator()), made) and not torch.equal(ids, made)


def test_returns_are_for_texts_alone():
    with pytest.raises(ConfigError, match="returns can only be used with the task text, not with 'recall'"):
        TrainConfig(returns=0.2)
    plain, returning = (training_batch(TrainConfig("text", returns=share, size=4096, start_size=4096, rows=2), 0)
                        for share in (0.0, 0.3))  # fmt: skip
    assert plain.ids.shape == returning.ids.shape and not torch.equal(plain.ids, returning.ids)
    assert torch.equal(plain.ask, returning.ask)
