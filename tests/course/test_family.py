"""The family side by side: what the measures of untrained memories say, training, and the kept table."""

import json
from pathlib import Path

from titans_course.studies import family
from titans_mini.cli import main


def test_a_matrix_holds_as_many_pairs_as_it_has_features_and_polynomial_keys_hold_more():
    held = {rule: family.capacity(rule, (12,), (0.5,)) for rule in ("linear_attention", "deltanet", "omeganet")}
    assert family.capacity("deltanet", (8,), (0.3,)) == [8.0, 8.0, 8.0]
    assert min(held["omeganet"]) > 8 >= max(held["deltanet"] + held["linear_attention"])


def test_a_clipped_step_withstands_outliers_that_a_plain_one_writes():
    plain, clipped = (family.noisy(rule, (0.3,)) for rule in ("deltanet", "titans"))
    assert min(clipped) > 0.9 and all(b > a + 0.2 for a, b in zip(plain, clipped, strict=True))


def test_the_control_has_no_memory_and_a_rule_carries_what_it_needs():
    off = family.measure(family.OFF, 0, steps=2, rows=2)
    titans, tnt = (family.measure(rule, 0, steps=2, rows=2) for rule in ("titans", "tnt"))
    assert off["state"] == 0 and titans["state"] == 2 * 32 * 32 and tnt["state"] > titans["state"]
    assert {*off} | {"capacity", "noisy"} == {*family.MEASURES}
    assert all(0 <= titans[name] <= 1 for name in ("late", "overwritten", "many")) and titans["bits"] > 0


def test_every_row_of_the_kept_table_has_three_seeds():
    table = family.kept()
    assert {family.OFF, "titans"} <= {*table} <= {*family.RULES} and len(table) > 10
    for rule, row in table.items():
        assert {*row} == {*family.MEASURES} - ({"capacity", "noisy"} if rule == family.OFF else set())
        assert all(len(values) == 3 for values in row.values())


def test_the_page_shows_the_kept_table():
    page = (Path(__file__).parents[2] / "docs" / "FAMILY.md").read_text("utf-8")
    assert family.as_markdown(family.kept()) in page
    assert all(f"| {name} | {what} |" in page for name, what in family.MEASURES.items())


def test_the_command_measures_a_rule_and_keeps_the_others(tmp_path, capsys):
    out = tmp_path / "family.json"
    family.keep({"titans": family.kept()["titans"]}, out)
    assert main(["family", "--rules", "off", "--seeds", "1", "--steps", "2", "--out", str(out)]) == 0
    assert list(json.loads(out.read_text())) == ["off", "titans"]
    said = capsys.readouterr().out
    assert "| titans |" in said and "| off |" in said
    assert main(["family", "--rules", "nothing", "--out", str(out)]) == 2
    assert "rules must be one of all, off," in capsys.readouterr().err
