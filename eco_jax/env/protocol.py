"""What the training loop asks of an environment."""

from typing import Any, Protocol, runtime_checkable

from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.env.state import Observation


@runtime_checkable
class Environment(Protocol):
    """One environment as pure functions, without autoreset: `step` returns the true last observation.

    Static by contract: an instance is hashable and holds no array.
    """

    @property
    def heads(self) -> tuple[int, ...]:
        """Choices of each action head."""

    @property
    def gated(self) -> tuple[bool, ...]:
        """Heads without effect where the first head chose 0."""

    @property
    def agents(self) -> int:
        """Users that act at once with one shared network."""

    @property
    def fixed_horizon(self) -> int | None:
        """Steps after which every episode is truncated, none ever terminated; None where episodes vary."""

    def reset(self, key: PRNGKeyArray, params: Any) -> tuple[Observation, Any]:
        """A new episode: (observation, state)."""

    def step(
        self, key: PRNGKeyArray, state: Any, action: Array, params: Any
    ) -> tuple[Observation, Any, Array, Array, Array, dict[str, Any]]:
        """(observation, state, reward [agents], terminated, truncated, info with `reward` and `metrics`)."""
