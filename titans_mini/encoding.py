"""Which keys and values a simulation reads: those of data/encode.py, or those of a trained text model.

The trained ones are what the last memory of a bundled model writes while the model reads the same bytes: behind the
first layer, with its attention over 16 bytes and the reads of its memory, and behind the last memory's own convolution.

In the model, key and value of a token both hold the byte at that token, so between them nothing is left to expect.
Here each value is paired with the model's key of the byte before. As with the fixed encoding, a key then knows only
what came before, and the memory's answer to it is what the memory expects next.
"""

import functools

import torch
from torch import Tensor

from .config import SimulationConfig
from .data import Stream, make_stream
from .data.encode import BLANK
from .defaults import plain_defaults
from .threads import one_thread
from .training.checkpoint import load_model

SAMPLE = 2000  # bytes at the source's start over which values have norm 1 in root mean square
PIECE = 1024  # bytes that the model reads at once
KEPT = 65_536  # bytes of the longest stream that is kept, 34 MB


def read_stream(config: SimulationConfig, text: str | None = None) -> Stream:
    """The stream that `simulate` reads with these settings and this text. Raises ConfigError."""
    encode = None if config.encoding == "fixed" else functools.partial(encode_trained, config.encoding)
    return make_stream(config.scenario, config.tokens, config.memory.dim, config.seed, text, encode)


def encode_trained(name: str, reference: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """ids (t,) bytes -> keys, values (t, dim) of the bundled model `name`, scaled as `Stream` says.

    `ids` and `reference` begin alike. The scale of the values is measured over the reference's first SAMPLE bytes.
    """
    sample = reference[:SAMPLE]
    source = max(ids, sample, key=len)
    make = _features if len(source) <= KEPT else _features.__wrapped__
    keys, values = make(name, source.to(torch.uint8).numpy().tobytes())
    scale = values[: len(sample)].square().sum(-1).mean().sqrt()
    return keys[: len(ids)].clone(), values[: len(ids)] / scale


@functools.lru_cache(maxsize=4)
@plain_defaults()
@torch.inference_mode(False)  # what is kept may be used where gradients are needed
@torch.no_grad()
def _features(name: str, content: bytes) -> tuple[Tensor, Tensor]:
    """The model's own numbers for these bytes: keys, each of the byte before, and values, (t, dim) each."""
    model, parts = load_model(name), []
    first, last = model.layers
    memory = last.mixer.memory
    state, tail = first.mixer.initial_state(1), memory.initial_state().conv
    with one_thread():
        for piece in torch.frombuffer(bytearray([BLANK]) + content, dtype=torch.uint8).long().split(PIECE):
            x, state = first(model.embed(piece[None]), state, "on")  # (1, t, dim)
            tokens, tail = memory._project(last.norms[0](x), tail)
            parts.append((tokens.keys[0], tokens.values[0]))
    keys, values = (torch.cat(series) for series in zip(*parts, strict=True))
    return keys[:-1], values[1:]
