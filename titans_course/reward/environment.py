"""The episodes of `reward` as a Gymnasium environment; needs the extra `reward`."""

import gymnasium
import numpy as np
import torch

from titans_mini.errors import ConfigError

from .policy import FEATURES, Episode, RewardConfig, advance, begin, is_over, observe


class WriteGateEnv(gymnasium.Env):
    """Observation: float32 (5,), see `reward.FEATURES`; action: 0 leave, 1 write; reward: see `reward.advance`.

    Also `gymnasium.make("titans_mini/WriteGate-v0")` once this module is imported.
    """

    metadata = {"render_modes": []}

    def __init__(self, config: RewardConfig | None = None) -> None:
        self.config = config or RewardConfig()
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (len(FEATURES),), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self._episode: Episode | None = None

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """A new episode; the same seed gives the same one."""
        super().reset(seed=seed)
        self._episode = begin(self.config, 1, int(self.np_random.integers(2**31)))
        return self._seen(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        """(observation, reward, whether the episode is over, False, {"writes": so far}); ConfigError before `reset`."""
        if self._episode is None:
            raise ConfigError("step must come after reset")
        if not self.action_space.contains(action):
            raise ConfigError("action must be 0 or 1, not {value}", value=repr(action))
        with torch.no_grad():
            self._episode, reward = advance(self._episode, torch.tensor([float(action)]), self.config)
        over = is_over(self._episode, self.config)
        return self._seen(), reward.item(), over, False, {"writes": int(self._episode.writes)}

    def _seen(self) -> np.ndarray:
        return observe(self._episode)[0].numpy()


gymnasium.register(id="titans_mini/WriteGate-v0", entry_point=WriteGateEnv)
