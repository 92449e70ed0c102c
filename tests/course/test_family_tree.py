"""The family tree: every preset has its place, what is said to change does change, and the figure draws just that."""

import pytest

from titans_course.figures.family_tree import tree_figure
from titans_course.studies.family_tree import LOOP, TREE, choices, member, members, spelled
from titans_mini.miras import KNOBS, PRESETS

# Member -> parent, and the line that makes it as parent's choice and own, written by hand.
WRITTEN = {
    "retnet": ("linear_attention", "retention", "none", "decay"),
    "mamba2": ("retnet", "retention", "decay", "adaptive"),
    "gla": ("mamba2", "gate", "learned", "channels"),
    "rwkv7": ("gla", "bias", "dot", "l2"),
    "deltanet": ("linear_attention", "bias", "dot", "l2"),
    "ttt_linear": ("deltanet", "chunk", "1", "16"),
    "gated_deltanet": ("deltanet", "algorithm", "gd", "gated_delta"),
    "titans": ("gated_deltanet", "algorithm", "gated_delta", "momentum"),
    "omeganet": ("titans", "algorithm", "momentum", "omega"),
    "atlas": ("omeganet", "algorithm", "omega", "omega_muon"),
    "memora": ("ttt_mlp", "retention", "none", "kl"),
}


def test_every_preset_is_in_the_tree_after_its_parent_and_one_is_the_first():
    assert set(TREE) == set(PRESETS)
    seen = []
    for one in members():
        assert one.parent in seen or not seen and one.parent is None
        assert one.depth == (0 if one.parent is None else member(one.parent).depth + 1)
        seen.append(one.name)


def test_what_is_said_to_change_differs_between_the_presets_and_nothing_else_does():
    for one in members()[1:]:
        assert one.line in one.changes, one.name
        own, before = choices(one.name), choices(one.parent)
        assert own == before | {knob: after for knob, (_, after) in one.changes.items()}
        assert all(before[knob] == was != own[knob] for knob, (was, _) in one.changes.items())


def test_a_member_s_line_is_that_of_its_own_choice():
    for one in members():
        config = PRESETS[one.name].config
        if one.line == "chunk":
            assert str(PRESETS[one.name].memory_config().chunk) in one.formula and one.what.fields["chunk"] == "16"
        else:
            assert one.choice == getattr(config, one.line)
            assert one.formula == KNOBS[one.line][one.choice].formula and one.what == KNOBS[one.line][one.choice].what
        assert one.source == PRESETS[one.name].reference
        assert one.year is None if one.name == "titans_recipe" else 2020 <= one.year <= 2025


@pytest.mark.parametrize("name", WRITTEN)
def test_lines_that_are_known(name):
    parent, line, before, own = WRITTEN[name]
    found = member(name)
    assert (found.parent, found.line, found.changes[line]) == (parent, line, (before, own))


def test_formulas_are_spelled_with_signs_and_names_of_rules_stay():
    assert spelled("u = S = eta S - theta grad") == "u = S = η S − θ ∇"
    assert spelled("each M as delta_gd") == "each M as delta_gd"
    assert spelled("||r||^2 or delta_t sum |r|") == "‖r‖² or δ_t sum |r|"
    assert not any("theta" in spelled(formula) for _, formula in LOOP.values())


def test_the_figure_has_a_row_for_each_member_and_a_cell_for_each_change():
    figure = tree_figure(str.upper)
    names, loop, cells = figure.data
    assert list(names.text) == [name.upper() for name in TREE] and len(loop.text) == len(LOOP)
    bold = [text for text in cells.text if text.startswith("<b>")]
    assert bold == [f"<b>{one.choice}</b>" for one in members()]
    changed = sum(len({one.line, *one.changes}) for one in members())
    assert len(cells.text) == changed
    boxes = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert len(boxes) == changed + len(LOOP) and sum("0.28" in box.fillcolor for box in boxes) == len(TREE) + len(LOOP)
    assert any(told.startswith("TITANS, step: gated_delta → momentum") for told in cells.hovertemplate)
