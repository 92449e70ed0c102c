"""Which keys and values a simulation reads: those of data/encode.py, or those of a trained text model.

The trained ones are what the last memory of a bundled model writes while the model reads the same bytes: behind its
first layer, whose attention sees 16 bytes and whose memory is on, and behind that last memory's own convolution.

In the model, the key and the value of a token both hold the byte at that token. Here a value is paired with the key of
the byte before, so that, as with the fixed encoding, a key knows only what came before and the answer to it is what the
memory expects. The value nearest to a value is mostly its own byte's mean (97 % of text-mag's on the bundled text, 78 %
of text-mag-surprise's), and hardly ever the mean of the byte before or after (4 %).

Measured there over three seeds, as writes per 1,000 of 10,000 bytes with the default gate: 42-45 with the fixed
encoding, 10-12 with text-mag, 53 with text-mag-surprise, which was trained with that gate.
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

SAMPLE = 2000  # bytes at the start of the source over which values have norm 1 in root mean square
PIECE = 1024  # bytes that the model reads at once
KEPT = 65_536  # bytes of the longest stream whose keys and values are kept, 34 MB


def read_stream(config: SimulationConfig, text: str | None = None) -> Stream:
    """The stream that `simulate` reads with these settings and this text. Raises ConfigError."""
    encode = None if config.encoding == "fixed" else functools.partial(_encode, config.encoding)
    return make_stream(config.scenario, config.tokens, config.memory.dim, config.seed, text, encode)


def _encode(name: str, reference: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values (t, dim) of ids (t,), which begin as the reference does, or it as they do."""
    sample = reference[:SAMPLE]
    source = max(ids, sample, key=len)
    features = _features if len(source) <= KEPT else _features.__wrapped__
    keys, values = features(name, source.to(torch.uint8).numpy().tobytes())
    scale = values[: len(sample)].square().sum(-1).mean().sqrt()
    return keys[: len(ids)].clone(), values[: len(ids)] / scale


@functools.lru_cache(maxsize=4)
@plain_defaults()
@torch.inference_mode(False)  # what is kept may be used where gradients are needed
@torch.no_grad()
def _features(name: str, content: bytes) -> tuple[Tensor, Tensor]:
    """The model's own keys, each of the byte before, and its values, as they are: (t, dim) each."""
    model, parts = load_model(name), []
    first, last = model.layers
    memory, state = last.mixer.memory, first.mixer.initial_state(1)
    tail = memory.initial_state().conv
    with one_thread():
        for piece in torch.frombuffer(bytearray([BLANK]) + content, dtype=torch.uint8).long().split(PIECE):
            x, state = first(model.embed(piece[None]), state, "on")  # (1, t, dim)
            tokens, tail = memory._project(last.norms[0](x), tail)
            parts.append((tokens.keys[0], tokens.values[0]))
    keys, values = (torch.cat(series) for series in zip(*parts, strict=True))
    return keys[:-1], values[1:]
