"""Counts a monitor's alarms on clean streams, where every alarm is false.

    python tools/false_alarms.py conv-mag [tokens] [place ...]

The first argument is `recipe`, or a bundled checkpoint or the path of one. The recipe and text models read the bundled
text: place 0 is the held-out part followed by the beginning, any other place is a byte in the part used for training.
Recall models read filler, and a place is a seed. Prints one line of JSON per place.
"""

import json
import sys

import torch

from titans_mini.operate import LanguageEngine, RecipeEngine, RunConfig, Runner
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import recall_filler, text_bytes

TOKENS = 100_000
PLACES = (0, 100_000)


def clean_stream(name: str, place: int, tokens: int) -> torch.Tensor:
    """(tokens,) ids without an incident."""
    if "recall" in name:
        return recall_filler(1, tokens, torch.Generator().manual_seed(place))[0]
    text = text_bytes()
    return (text[place:] if place else torch.cat([text_bytes(True), text]))[:tokens]


def count(name: str, place: int, tokens: int) -> dict:
    """The alarms on one stream: kind, token, value and limit of each."""
    engine = RecipeEngine() if name == "recipe" else LanguageEngine(load_model(name))
    stream = clean_stream(name, place, tokens)
    events = Runner(engine, config=RunConfig(shadow=None)).run(stream)
    alarms = [[event.kind, event.token, event.value, event.limit] for event in events if event.action == "alarm"]
    return {"engine": name, "place": place, "tokens": len(stream), "alarms": alarms}


if __name__ == "__main__":
    model, *numbers = sys.argv[1:] or ["recipe"]
    length, *places = [int(number) for number in numbers] or [TOKENS]
    for start in places or PLACES:
        print(json.dumps(count(model, start, length)), flush=True)
