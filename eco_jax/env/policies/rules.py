"""Rules to compare an agent with. Each is told what it may see, and no more: the `View` that the features come from.

A rule is a part: a class with settings of its own, made of smaller parts (what it expects of the CPUs and of the loads,
when it synchronises). `@register("rule", "my-rule")` above a class, or above a function that makes one, gives it a
name; evaluations and the study's tables and figures then have it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray, Shaped

from eco_jax.env.config import EnvConfig, Sight
from eco_jax.env.expected import Expected, best, expected_outcomes, posterior_outcomes
from eco_jax.env.forecast import forecast
from eco_jax.env.observe import view
from eco_jax.env.params import EnvParams
from eco_jax.env.state import State, View
from eco_jax.errors import UserError
from eco_jax.parts import Part, open_kind, register, registered
from eco_jax.settings import number, switch


def joint_action(
    target: Int[Array, " users"], level: Shaped[Array, "..."], cache: Shaped[Array, "..."], sync: Shaped[Array, "..."]
) -> Int[Array, "users 4"]:
    """The heads' choices, one for every user or one for all, as an action."""
    columns = jnp.broadcast_arrays(target, level, cache, sync)
    return jnp.stack([column.astype(jnp.int32) for column in columns], axis=1)


class Tuned(Part):
    """A part with numbers that a study tunes."""

    tries: ClassVar[Mapping[str, Sequence[float]]] = {}
    """number -> values, in its unit, of which tuning takes the best"""
    matters: ClassVar[str] = ""
    """what must be had for them to make a difference, a field of `config.Sight`; empty: nothing"""


class Rule(Tuned):
    """What all users do in a slot, by a rule. A new one needs `act` alone."""

    informed: ClassVar[bool] = True
    """whether the level of knowledge changes what it does"""

    def act(self, config: EnvConfig, key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        """The joint action: target (0 local, 1..K candidates), offloading factor, cache, sync of each user.

        Args:
            config: static settings of the world.
            key: for whatever is random.
            seen: all that a controller may see.
            params: parameters of the world.
        """
        raise NotImplementedError

    def decide(self, config: EnvConfig, key: PRNGKeyArray, state: State, params: EnvParams) -> Int[Array, "users 4"]:
        """The same from the whole state, of which a rule sees the `View` alone."""
        return self.act(config, key, view(state, params), params)


open_kind("rule", Rule)


class Local(Rule):
    """Every task on its device."""

    informed: ClassVar[bool] = False

    def act(self, config: EnvConfig, key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        """Nothing is offloaded."""
        zero = jnp.zeros_like(seen.last_server)
        return joint_action(zero, zero, zero, zero)


class Random(Rule):
    """Every choice of the action uniform; an illegal target counts as local."""

    informed: ClassVar[bool] = False

    def act(self, config: EnvConfig, key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        """Anything."""
        shape = (seen.data.shape[0], len(config.heads))
        return jax.random.randint(key, shape, 0, jnp.asarray(config.heads))


class Nearest(Rule):
    """Always the nearest server, with the offloading factor that comes closest to `beta`, by default 1."""

    informed: ClassVar[bool] = False
    beta: Any = number(1, "-", 0, 1, "β", "assumed", "offloading factor")
    cache: bool = switch(False, "ask for a replica with every offload")

    def act(self, config: EnvConfig, key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        """The first candidate."""
        one = jnp.ones_like(seen.last_server)
        level = jnp.argmin(jnp.abs(jnp.asarray(config.beta_levels) - self.beta))
        return joint_action(one, one * level, one * self.cache, one * 0)


class Outlook(Part):
    """What a rule expects of its alternatives, by its belief about the CPUs."""

    blind: bool = switch(False, "ignore that services migrate (an ablation)")

    def outcomes(self, config: EnvConfig, seen: View, params: EnvParams) -> Expected:
        """See `env.expected`."""
        raise NotImplementedError


class Certain(Outlook):
    """Expects the outcome at the mean slowdown (certainty-equivalent)."""

    def outcomes(self, config: EnvConfig, seen: View, params: EnvParams) -> Expected:
        """See `expected_outcomes`."""
        return expected_outcomes(config, seen, params, self.blind)


class Posterior(Outlook):
    """Expects the mean of the outcome over the belief."""

    def outcomes(self, config: EnvConfig, seen: View, params: EnvParams) -> Expected:
        """See `posterior_outcomes`."""
        return posterior_outcomes(config, seen, params, self.blind)


class Loads(Tuned):
    """Reckons with the loads of the last slot."""

    def look(self, config: EnvConfig, seen: View, params: EnvParams) -> tuple[View, Float[Array, "users candidates"]]:
        """(the view with these loads, the reward that others on a candidate lose by one task more)."""
        return seen, jnp.zeros_like(seen.others)


class Foreseen(Loads):
    """Reckons with the loads of the forecast, and the harm to others there."""

    harm_weight: Any = number(
        1, "-", 0, 10, "", "tuned", "weight of the reward that the others on a server lose by one task more"
    )
    tries: ClassVar[Mapping[str, Sequence[float]]] = {"harm_weight": (0.0, 0.25, 0.5, 0.75, 1.0)}
    matters: ClassVar[str] = "foresees"

    def look(self, config: EnvConfig, seen: View, params: EnvParams) -> tuple[View, Float[Array, "users candidates"]]:
        """See `env.forecast`."""
        ahead = forecast(config, seen, params)
        return seen._replace(others=ahead.others), self.harm_weight * ahead.harm


class Sync(Tuned):
    """When a rule synchronises the twin: here never."""

    matters: ClassVar[str] = "sync"

    def asks(self, seen: View) -> Bool[Array, " users"]:
        """Who synchronises."""
        return jnp.zeros(seen.data.shape[0], bool)


class Clock(Sync):
    """Synchronises every so many slots, the users staggered by index."""

    every: Any = number(4, "slots", 0, 1e6, "", "assumed", "slots between two synchronisations of a user; 0: never")
    tries: ClassVar[Mapping[str, Sequence[float]]] = {"every": (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)}

    def asks(self, seen: View) -> Bool[Array, " users"]:
        """Whose turn it is."""
        every = jnp.asarray(self.every).astype(jnp.int32)
        return ((seen.t + jnp.arange(seen.data.shape[0])) % jnp.maximum(every, 1) == 0) & (every > 0)


NEVER = 2.0
"""Threshold that no variance exceeds: the prior's is 1, up to rounding, and every measurement makes it smaller."""


class Doubt(Sync):
    """Synchronises where the beliefs have become too uncertain."""

    above: Any = number(
        0.3, "-", 0, NEVER, "", "tuned",
        "mean variance of the beliefs about the own device and the candidates, above which a user synchronises; "
        "2: never",
    )  # fmt: skip
    tries: ClassVar[Mapping[str, Sequence[float]]] = {"above": (0.15, 0.2, 0.25, 0.3, 0.4, 0.6, NEVER)}

    def asks(self, seen: View) -> Bool[Array, " users"]:
        """Who knows too little."""
        known = jnp.concatenate([seen.device_variance[:, None], seen.server_variance], axis=1)
        return known.mean(axis=1) > self.above


class Greedy(Rule):
    """Per task the alternative of the highest expected own reward, at whatever level of knowledge the world has."""

    outlook: Any = Certain()
    """an `Outlook`"""
    loads: Any = Loads()
    """a `Loads`"""
    sync: Any = Sync()
    """a `Sync`"""
    cache: bool = switch(True, "ask for a replica at the predicted server with every offload, which Eq. (5) may refuse")
    stays: bool = switch(False, "run locally rather than where the service would have to move")

    def act(self, config: EnvConfig, key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        """The best by the outlook, at the loads."""
        seen, harm = self.loads.look(config, seen, params)
        home, edge, h = self.outlook.outcomes(config, seen, params)
        allowed = seen.legal & ~h if self.stays else seen.legal
        target, level = best(home.reward, edge.reward + (self.margin(seen) - harm)[:, :, None], allowed)
        return joint_action(target, level, jnp.asarray(self.cache), self.sync.asks(seen))

    def margin(self, seen: View) -> Float[Array, "users candidates"]:
        """Reward that is added to a candidate beside what is expected of it."""
        return jnp.zeros_like(seen.others)


class Loyal(Greedy):
    """As `Greedy`, with a margin for the server that served last.

    Below 0 a rule leaves a server for less than the migration costs at once: the better one lasts.
    """

    hysteresis: Any = number(
        -0.05, "-", -100, 100, "", "tuned",
        "reward by which another alternative, local included, must be better for a user to leave its last server",
    )  # fmt: skip
    tries: ClassVar[Mapping[str, Sequence[float]]] = {"hysteresis": (-0.1, -0.05, 0.0, 0.05)}

    def margin(self, seen: View) -> Float[Array, "users candidates"]:
        """At the last server."""
        return jnp.where(seen.served, self.hysteresis, 0.0)


LOCAL, RANDOM, GREEDY, FORESIGHT = "local", "random", "greedy", "foresight"
FORESIGHT_POSTERIOR = "foresight-posterior"
NEAREST, NEAREST_HALF = "nearest-full", "nearest-half"
"""Rules that comparisons name: claims, references of a figure, the rule beside the agents."""
RULES: dict[str, Callable[[], Rule]] = {
    LOCAL: Local,
    RANDOM: Random,
    NEAREST: Nearest,
    NEAREST_HALF: lambda: Nearest(beta=0.5),
    GREEDY: lambda: Greedy(sync=Doubt()),
    "greedy-clock": lambda: Greedy(sync=Clock()),
    "greedy-hysteresis": lambda: Loyal(sync=Doubt()),
    "greedy-posterior": lambda: Greedy(sync=Doubt(), outlook=Posterior()),
    "greedy-stay": lambda: Greedy(sync=Doubt(), stays=True),
    "greedy-blind": lambda: Greedy(sync=Doubt(), outlook=Certain(blind=True)),
    "greedy-uncached": lambda: Greedy(sync=Doubt(), cache=False),
    FORESIGHT: lambda: Greedy(sync=Doubt(), loads=Foreseen()),
    FORESIGHT_POSTERIOR: lambda: Greedy(sync=Doubt(), loads=Foreseen(), outlook=Posterior()),
    "foresight-hysteresis": lambda: Loyal(sync=Doubt(), loads=Foreseen()),
}
"""Rules that come with the package, with the numbers from which tuning starts."""
for _name, _make in RULES.items():
    register("rule", _name)(_make)


def named() -> dict[str, Rule]:
    """Every registered rule by name, as it is before it is tuned."""
    made = {name: make() for name, make in registered("rule").items()}
    for name, rule in made.items():
        if not isinstance(rule, Rule):
            raise UserError(f"rule {name}: must be a Rule, or a function that makes one, not {type(rule).__name__}")
    return made


def own() -> list[str]:
    """Names of the registered rules that do not come with the package."""
    return [name for name in registered("rule") if name not in RULES]


def tunable(rule: Rule, sight: Sight) -> dict[str, Sequence[float]]:
    """Number of a rule, or of a part of it (`sync.above`), that makes a difference there -> the values to try."""
    found: dict[str, Sequence[float]] = {}
    for prefix, part in (("", rule), *((f"{name}.", part) for name, part in vars(rule).items())):
        if isinstance(part, Tuned) and (not part.matters or getattr(sight, part.matters)):
            found |= {f"{prefix}{own}": tuple(values) for own, values in part.tries.items()}
    return found


def with_values(rule: Rule, values: Mapping[str, float]) -> Rule:
    """The rule with other numbers, named as `tunable` names them."""
    for name, value in values.items():
        part, _, own = name.rpartition(".")
        rule = rule.having(part, getattr(rule, part).set(**{own: value})) if part else rule.set(**{own: value})
    return rule


def as_policy(env: Any, rule: Rule) -> Callable[[PRNGKeyArray, Any, Any, EnvParams], Array]:
    """A rule as a policy that is given key, observation, state and parameters."""

    def policy(key: PRNGKeyArray, observation: Any, state: Any, params: EnvParams) -> Int[Array, "users 4"]:
        return rule.decide(env.config, key, state, params)

    return policy
