"""What the training loop asks of an environment."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.env.state import Observation


class Inputs(NamedTuple):
    """Layout of a user's features: its own, then group by group those of each candidate, candidate by candidate."""

    own: int
    """features of the user itself"""
    groups: tuple[int, ...] = ()
    """features that a candidate has in each group"""
    candidates: int = 0

    @property
    def total(self) -> int:
        """Features of a user."""
        return self.own + self.candidates * sum(self.groups)


def inputs_of(env: Any, features: int) -> Inputs:
    """Layout of an environment's features: its `inputs`, and where it has none they are all the user's own.

    Args:
        env: an `Environment`.
        features: of a user.
    """
    layout = getattr(env, "inputs", None)
    return layout if isinstance(layout, Inputs) else Inputs(features)


@runtime_checkable
class Environment(Protocol):
    """One environment as pure functions, without autoreset: `step` returns the true last observation.

    Static by contract: an instance is hashable and holds no array. Where some features are of candidates, its `inputs`
    (`Inputs`) say so, for networks that look at them one by one.
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
