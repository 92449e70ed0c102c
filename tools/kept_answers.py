"""Writes what trained models answered: `python tools/kept_answers.py`, some five minutes on one core.

Each entry of titans_course/studies/kept.json belongs to one checkpoint and names its weights: the app shows it only
beside those, and a test measures a sample of it again. `--only recall-mag` measures one model and leaves the others.
"""

import argparse
import json

import torch

from titans_course.language import find
from titans_course.studies import reading, telling
from titans_mini.data.scenarios import to_bytes
from titans_mini.models.model import MODES, TitansLM
from titans_mini.threads import one_thread
from titans_mini.training import checkpoint
from titans_mini.training.tasks import NAMES

MODELS = (*(f"{task}-{name}" for task in ("recall", "text") for name in ("lmm", "mac", "mag", "mal")), "needle-mag")
GAPS, ROWS = (64, 256, 1024, 4096, 16_384, 65_536), 8  # as the page has them
SAMPLING = {"temperature": 0.8, "top_k": 256, "min_p": 0.05}  # likewise


def tell(lm: TitansLM) -> dict:
    """The answers after each gap."""
    talks = {gap: last(telling.tell(lm, telling.FACTS, gap)) for gap in telling.GAPS}
    return {str(gap): telling.report(lm, talk, telling.FACTS) for gap, talk in talks.items()}


def anew(lm: TitansLM, tries: int = 100, gap: int = 1024, after: int = 64) -> str:
    """What is known of one of four facts, told anew after `gap` tokens, `after` tokens later: a letter for each try.

    n: the new value; o: the old one; x: neither.
    """
    random, outcomes = torch.Generator().manual_seed(5), ""
    for _ in range(tries):
        key, *others = torch.randperm(32, generator=random)[:4].tolist()
        old, new = torch.randperm(32, generator=random)[:2].tolist()
        values = torch.randint(0, 32, (3,), generator=random).tolist()
        talk = last(telling.tell(lm, {key: old, **dict(zip(others, values, strict=True))}, gap))
        talk = last(telling.tell(lm, {key: new}, after, talk))
        (said,) = telling.report(lm, talk, [key])["said"]["on"]
        outcomes += {new: "n", old: "o"}.get(said, "x")
    return outcomes


def distance(lm: TitansLM, gaps: tuple[int, ...] = GAPS) -> dict:
    """Mode -> gap -> accuracy, as the page measures it."""
    return {
        mode: {str(gap): last(reading.recall_at(lm, gap, rows=ROWS, memory=mode)) for gap in gaps} for mode in MODES
    }


def generation(lm: TitansLM, size: int = 200) -> dict:
    """Mode -> bytes that follow the page's own prompt, with its own settings, in hexadecimal digits."""
    prompt = to_bytes(find("app", "prompt_sample"))
    made = {mode: reading.stream(lm, prompt, size, seed=0, memory=mode, **SAMPLING) for mode in MODES}
    return {mode: bytes(ids).hex() for mode, ids in made.items()}


def needle(lm: TitansLM, texts: int = telling.TEXTS) -> list[dict]:
    """A code in each of some places of the held-out text, and what is answered in each mode."""
    random, rows = torch.Generator().manual_seed(7), []
    for number in range(texts):
        name = "".join(NAMES[place] for place in torch.randint(0, len(NAMES), (3,), generator=random))
        code = "{}{}".format(*torch.randint(0, 10, (2,), generator=random).tolist())
        parts = telling.needle(name, code, number)
        rows.append(
            {"name": name, "code": code, "said": {mode: telling.find_needle(lm, name, parts, mode) for mode in MODES}}
        )
    return rows


PANELS = {"recall": (tell, anew, distance), "text": (generation,), "needle": (needle,)}


def last(steps) -> object:
    """What a measurement that reports its progress ends with."""
    *_, (_, found) = steps
    return found


def main() -> None:
    """Measures all models, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MODELS, help="measure this model, and leave the others as they are")
    only = parser.parse_args().only
    kept = json.loads(telling.KEPT.read_text("utf-8")) if only else {}
    for name in [only] if only else MODELS:
        lm = checkpoint.load_model(name).requires_grad_(False)
        with one_thread():
            found = {panel.__name__: panel(lm) for panel in PANELS[name.partition("-")[0]]}
        kept[name] = {"weights": checkpoint.read_card(name)["weights_sha256"], **found}
        print(name, flush=True)
    lines = (f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in kept.items())
    telling.KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8", newline="\n")


if __name__ == "__main__":
    main()
