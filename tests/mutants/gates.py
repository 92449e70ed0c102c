"""Wrong gates."""

import torch

from titans_mini import SurpriseGate


class StatisticsOfThePresent(SurpriseGate):
    """Judges a token by statistics that hold the token itself."""

    def measure(self, raw, state):
        found = []
        for token in raw.split(1, dim=1):
            after = super().measure(token, state)[2]
            surprise, smoothed, _ = super().measure(token, after._replace(smoothed=state.smoothed))
            state = after._replace(smoothed=smoothed)
            found.append((surprise, smoothed))
        return *(torch.cat(series, dim=1) for series in zip(*found, strict=True)), state


class StatisticsOfTheChunk(SurpriseGate):
    """Judges every token of a chunk by the statistics at the chunk's end."""

    def measure(self, raw, state):
        after = super().measure(raw, state)[2]
        surprise, smoothed, _ = super().measure(raw, after._replace(smoothed=state.smoothed))
        return surprise, smoothed, after._replace(smoothed=smoothed[:, -1:])
