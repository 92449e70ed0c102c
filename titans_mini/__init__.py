"""titans_mini: a neural memory that goes on learning while it reads."""

from .config import MemoryConfig, SimulationConfig
from .errors import ConfigError, DivergenceError
from .gates import ConstantGate, LearnedGate, SurpriseGate
from .memory import NeuralMemory
from .simulate import simulate, simulate_many
from .state import MemoryState
from .trace import Trace
