"""A memory beside a frozen body: what the study trains, what it counts, and the kept tables on the page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from titans_course.studies import frozen_body
from titans_mini.cli import main

TABLES = {"own": frozen_body.OWN, "second": frozen_body.SECOND}
RECALLS = {"near", "late", "old", "others", "overwritten"}


@pytest.fixture(scope="module")
def found():
    return frozen_body.compare(0, 2, 2)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Every arm of SECOND after one step on recall, beside a body after one step on text."""
    folder = tmp_path_factory.mktemp("arms")
    plans = {name: replace(plan, steps=1, rows=2) for name, plan in frozen_body.TRAINING.items()}
    frozen_body.made(frozen_body.OWN["body"], plans["text"], 256, folder / "body")
    body = folder / "body" / "model"
    arms = frozen_body.SECOND.items()
    return {name: frozen_body.made(arm, plans["recall"], 256, folder / name, body) for name, arm in arms}


def test_every_arm_has_every_measure(found):
    assert {table: {*rows} for table, rows in found.items()} == {name: {*arms} for name, arms in TABLES.items()}
    assert all({*row} == RECALLS | {"bits", "seconds"} for row in found["own"].values())
    assert all({*row} == RECALLS | {"bits", "bits off"} for row in found["second"].values())
    assert found["own"]["body"]["seconds"] == 1


def test_bits_without_the_memory_are_those_of_the_body_only_where_it_was_frozen(found):
    second = found["second"]
    bits = {name: row["bits off"] for name, row in second.items()}
    frozen = {name for name, arm in frozen_body.SECOND.items() if arm.frozen}
    assert frozen == {"memory", "contexts"}
    assert {name for name in bits if bits[name] == bits["body"]} == frozen | {"body"}


def test_frozen_arms_hold_the_bodys_weights_and_the_others_do_not(models):
    body = models["body"].state_dict()
    for name, arm in frozen_body.SECOND.items():
        now = models[name].state_dict()
        same = all(torch.equal(now[part], body[part]) for part in body)
        assert same == (arm.frozen or name == "body"), name
        assert any(".memory." in part for part in now) == (arm.memory != "none")


class ByHeart(torch.nn.Module):
    """Says of each key the value that followed it where the key first stood."""

    def forward(self, ids):
        logits = torch.zeros(*ids.shape, 80)
        for row, told in enumerate(ids.tolist()):
            values = {}
            for place, (key, value) in enumerate(zip(told, [*told[1:], 0], strict=True)):
                logits[row, place, values.setdefault(key, value)] = 1
        return logits, None


@pytest.mark.parametrize("other", ["nothing", "facts", "filler"])
def test_the_questions_are_those_of_the_first_facts(other):
    assert frozen_body.recall_after(ByHeart(), other, 4) == 1


def test_the_kept_tables_have_three_seeds_and_stand_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "FROZEN_BODY.md").read_text("utf-8")
    tables = frozen_body.kept()
    assert {name: [*rows] for name, rows in tables.items()} == {name: [*arms] for name, arms in TABLES.items()}
    for name, rows in tables.items():
        assert frozen_body.as_markdown(rows) in page
        assert all(f"| {arm} | {told.means} |" in page for arm, told in TABLES[name].items())
        assert all(len(values) == 3 for row in rows.values() for values in row.values())
    assert all(f"| {name} | {what} |" in page for name, what in frozen_body.MEASURES.items())


def test_the_command_measures_and_shows(tmp_path, capsys):
    out = tmp_path / "tables.json"
    assert main(["frozen", "--seeds", "1", "--steps", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert {*json.loads(out.read_text())} == {*TABLES} and "| body goes on |" in said
    assert main(["frozen", "--out", str(out)]) == 0
    assert capsys.readouterr().out == said
    assert main(["frozen", "--seeds", "0", "--out", str(out)]) == 2
    assert "seeds must be a whole number from 1 to 100" in capsys.readouterr().err
