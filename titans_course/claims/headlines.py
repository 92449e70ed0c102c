"""Claims of the article's opening that no measurement here can settle: a published comparison, and published code."""

from __future__ import annotations

from titans_mini.miras.presets import PRESETS
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.stories import STORIES

from .finding import UNTESTED, Figures, Finding, Size, grade

LENGTH = 256  # bytes of text around a story
MIRAS = "2504.13173"  # arXiv
PAPERS, REPOSITORIES = 2, 0  # read for this audit, and addresses of code that they give


def measure_babilong(size: Size) -> Figures:
    """What a text model of this project makes of stories in the manner of BABILong, which it was not trained for."""
    lm = load_model("text-mag")
    exact = [evaluate(lm, story, LENGTH, rows=size.rows)["exact"] for story in STORIES]
    return {
        "parameters": sum(part.numel() for part in lm.parameters()),
        "exact_stories": sum(exact) / len(exact),
        "printed_numbers": 0,  # BABILong appears in the paper as curves, without a table
    }


def judge_babilong(figures: Figures) -> Finding:
    """Cannot be tested here: it takes GPT-4, and a model of its tenth that was trained for the benchmark."""
    told = (
        f"the paper shows curves and prints {figures['printed_numbers']} numbers, and it compares a small model that "
        f"was fine-tuned on the task with large ones that were not; a text model of {figures['parameters']:,} "
        f"parameters, not trained for it, answers {figures['exact_stories']:.0%} of such stories here"
    )
    return Finding(UNTESTED, figures, told)


def measure_open_source(size: Size) -> Figures:
    """A matter of reading: addresses of code in the two papers; and the rules that had to be rebuilt from the text."""
    rebuilt = sum(MIRAS in preset.reference for preset in PRESETS.values())
    return {"papers": PAPERS, "repositories": REPOSITORIES, "rebuilt": rebuilt}


def judge_open_source(figures: Figures) -> Finding:
    """Holds if one of the two papers names a repository of its code. This is read, not measured."""
    told = (
        f"the {figures['papers']} papers name {figures['repositories']} repositories of their code, and this project "
        f"knows of none by the authors; it rebuilt {figures['rebuilt']} memories of the MIRAS paper from its text"
    )
    return Finding(grade(figures["repositories"] > 0), figures, told)
