"""The classroom exercises: check functions, hints and a register of all; no notebook and no nbgrader needed.

    from titans_course.exercises import check_delta_step, hint
    check_delta_step(my_function)        # prints that it is right, or raises Wrong with one sentence
    print(hint("delta_step", 1))         # 1 to 3: each says more, none says all

The exercises of a lesson are in `EXERCISES` of its module, the notebooks around them in notebooks/exercises.
"""

import os
import sys

from titans_mini.errors import ConfigError, check_choice
from titans_mini.messages import Message

from ..language import LANGUAGES, VARIABLE, catalogue, choose, tell
from . import (
    bug_hunt,
    claims_audit,
    frontiers,
    memory_that_learns,
    miras,
    momentum_and_forgetting,
    operations,
    parallel,
    recipe,
    tuning,
    variants,
)
from .answer import Answer, Student
from .bug_hunt import check_find_leak, check_loses_state, check_mixes_rows, check_sees_future
from .check import PARTS, Draw, Exercise
from .claims_audit import check_memory_share, check_reach_of, check_silent_half_life
from .frontiers import check_advantage, check_learn_gate, check_quantize_rows
from .limits import cap_memory, grading
from .memory_that_learns import check_delta_step, check_rank_one_gradient, check_recall_cosine
from .miras import check_huber_slope, check_kl_retention, check_lp_slope, check_lq_weights
from .momentum_and_forgetting import check_half_life, check_kept_share, check_two_loops
from .operations import check_degrade_step, check_read_incident, check_rolled_back
from .parallel import check_chunk_read, check_coef, check_decay
from .recipe import check_excess, check_recipe_gate, check_tau_for_rate
from .seal import SEAL
from .tuning import check_is_tie, check_keep_needed, check_tune_theta
from .values import Wrong
from .variants import check_gated_product, check_mac_mask, check_train_memory, check_window_mask

LESSONS = {
    "01_memory_that_learns": memory_that_learns,
    "02_momentum_and_forgetting": momentum_and_forgetting,
    "03_the_recipe": recipe,
    "04_in_parallel": parallel,
    "05_three_variants": variants,
    "06_miras": miras,
    "07_tuning": tuning,
    "08_operations": operations,
    "09_claims_audit": claims_audit,
    "10_frontiers": frontiers,
    "11_bug_hunt": bug_hunt,
}
EXERCISES: dict[str, Exercise] = {made.name: made for module in LESSONS.values() for made in module.EXERCISES}

__all__ = [
    "EXERCISES", "LESSONS", "PARTS", "Exercise", "Wrong", "check_advantage", "check_chunk_read", "check_coef",
    "check_decay", "check_degrade_step", "check_delta_step", "check_excess", "check_find_leak",
    "check_gated_product", "check_half_life", "check_huber_slope", "check_is_tie", "check_keep_needed",
    "check_kept_share", "check_kl_retention", "check_learn_gate", "check_loses_state", "check_lp_slope",
    "check_lq_weights", "check_mac_mask", "check_memory_share", "check_mixes_rows", "check_quantize_rows",
    "check_rank_one_gradient", "check_reach_of", "check_read_incident", "check_recall_cosine",
    "check_recipe_gate", "check_rolled_back", "check_sees_future", "check_silent_half_life",
    "check_tau_for_rate", "check_train_memory", "check_tune_theta", "check_two_loops", "check_window_mask",
    "hint", "table",
]  # fmt: skip


def hint(name: str, strength: int = 1) -> str:
    """A hint in the language of `choose()`: 1 says where to look, 3 how to go about it, none is the answer.

    ValueError for an unknown one.
    """
    language = choose()
    try:
        made = EXERCISES[check_choice("name", name, EXERCISES)]
    except ConfigError as error:
        raise ValueError(tell(error, language)) from None
    if strength not in (1, 2, 3):
        raise ValueError(tell(Message("strength must be 1, 2 or 3, not {given}", given=repr(strength)), language))
    return tell(Message(made.hints[strength - 1]), language)


def table() -> list[dict]:
    """A line per exercise: lesson, name, title in the language of `choose()`, points, difficulty (1 to 5), minutes."""
    columns, language = ("lesson", "name", "title", "points", "difficulty", "minutes"), choose()
    lines = [{column: getattr(made, column) for column in columns} for made in EXERCISES.values()]
    return [{**line, "title": tell(Message(line["title"]), language), "points": sum(line["points"])} for line in lines]


own = [name for name, module in sys.modules.items() if name.startswith(("titans_mini", "titans_course")) and module]
spaces = [sys.modules[name] for name in own]
for space in (*EXERCISES.values(), *spaces, Exercise, Answer, Draw, Student):
    SEAL.add(space)
if os.environ.get(VARIABLE) in LANGUAGES:
    catalogue(os.environ[VARIABLE])  # read now, since a cell may replace a function that reading needs
if grading():
    cap_memory()
