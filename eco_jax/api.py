"""What the command line does, as calls: train, load, evaluate. Exported by `eco_jax`."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax import plugins
from eco_jax.agent.algorithms import A2C, DEFAULTS, Algorithm
from eco_jax.agent.algorithms.base import check_plays
from eco_jax.env import Environment
from eco_jax.env.policies import Rule, as_policy
from eco_jax.errors import UserError, quoted
from eco_jax.parts import variant
from eco_jax.settings import SEEDS, is_whole
from eco_jax.train.config import PLAYED, ROLLOUT, TrainConfig, rollout_of
from eco_jax.train.evaluate import Policy, Remembering, play_episodes
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner


@dataclass(frozen=True)
class Run:
    """Trained agents, one a seed, and where they were trained."""

    env: Environment
    params: Any
    """of the environment"""
    algorithm: Algorithm
    agents: Any
    """parameters of the networks, each leaf [seeds, ...]"""
    seeds: tuple[int, ...]
    metrics: dict[str, np.ndarray] = field(default_factory=dict)
    """learning curves: name -> [updates, seeds]"""
    folder: Path | None = None
    """where it was read from"""

    def policy(self, index: int = 0, greedy: bool = True) -> Policy | Remembering:
        """One agent as a policy: (key, observation, state, params) -> action [users, heads].

        One with a memory is a `Remembering`: its `act` takes the memory first, at the beginning of an episode its
        `start`, and returns it after the action.

        Args:
            index: which of the seeds.
            greedy: the most likely choices instead of samples.
        """
        count = len(self.seeds)
        if not -count <= index < count:
            raise UserError(f"index = {quoted(index)}: must lie in [{-count}, {count - 1}]")
        agent = jax.tree.map(lambda leaf: leaf[index], self.agents)
        return self._learner.policy(self.algorithm, agent, greedy)

    @property
    def _learner(self) -> Learner:
        return Learner(self.env, TrainConfig(rollout=1))


def train(
    env: Environment,
    params: Any,
    algorithm: str | Algorithm = A2C.name,
    *,
    seeds: int | Sequence[int] = 1,
    updates: int = TrainConfig.updates,
    envs: int = TrainConfig.envs,
    rollout: int | None = None,
    on_chunk: Callable[[Any], None] | None = None,
) -> Run:
    """Train agents side by side in one program, in memory. `eco-jax train` keeps a run in a folder.

    Args:
        env: of `make`, or any `Environment`.
        params: its parameters.
        algorithm: by name, or an object with its settings: `A2C(actor_lr=1e-3, network=MLP(hidden=128))`.
        seeds: how many agents, with seeds from 0 on, or the seeds.
        updates: of each agent.
        envs: parallel environments of each agent.
        rollout: slots between two updates; None for the divisor of the episode that is nearest to `ROLLOUT`.
        on_chunk: told of each chunk of updates (`train.fit.Chunk`); may raise to stop.

    Raises:
        UserError: a setting is not allowed.
        NotFiniteError: numbers of all agents were not finite; the message says which and when.
    """
    if isinstance(algorithm, str):
        algorithm = variant("algorithm", algorithm)()
    if not isinstance(algorithm, Algorithm):
        raise UserError(f"algorithm: must be a name or an Algorithm, as {DEFAULTS['algorithm'].__name__}()")
    own = _seeds(seeds)
    length = rollout_of(env.fixed_horizon or ROLLOUT) if rollout is None else rollout
    learner = Learner(env, TrainConfig(updates=updates, envs=envs, rollout=length))
    keys = [jax.random.key(seed) for seed in own]
    fitted = fit(learner, params, [algorithm] * len(own), keys, on_chunk=on_chunk)
    return Run(env, params, algorithm, fitted.state.agent.params, own, fitted.metrics)


def _seeds(given: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds themselves, where they or their number are given."""
    if isinstance(given, Iterable):
        own = tuple(given)
        if not own:
            raise UserError("seeds: must be at least one")
        return tuple(_seed("seeds", seed) for seed in own)
    if not is_whole(given) or not 1 <= given <= SEEDS:
        raise UserError(f"seeds = {quoted(given)}: must be a whole number of at least 1, or a list of seeds")
    return tuple(range(given))


def _seed(where: str, given: int) -> int:
    if not is_whole(given) or not 0 <= given < SEEDS:
        raise UserError(f"{where}: {quoted(given)}: must be a whole number in [0, {SEEDS - 1}]")
    return int(given)


def load(folder: str | os.PathLike[str], plugin: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = ()) -> Run:
    """A run from its folder, as `eco-jax train` wrote it.

    A seed whose numbers were no longer finite is left out, with a warning.

    Args:
        folder: of the run.
        plugin: file or files of its own parts; what a folder names is never executed by itself.

    Raises:
        UserError: it is no run, is damaged, has no seed that stayed finite, or needs a plug-in that is not loaded.
    """
    from eco_jax.run.settings import recorded
    from eco_jax.study.folders import open_run
    from eco_jax.train.sinks import curves

    path = Path(folder)
    plugins.load_installed()
    plugins.load(plugin)
    found = open_run(path)
    env, params = found.config.make()
    note = recorded(path / "config.toml")
    metrics = curves(path / "metrics.jsonl", note["seeds"])
    kept = np.array(found.seeds) - note["seed"]
    metrics = {name: value[:, kept] for name, value in metrics.items()}
    return Run(env, params, found.config.algorithm(), found.agents, found.seeds, metrics, path)


def evaluate(
    what: Run | Rule | Policy | Remembering,
    env: Any = None,
    params: Any = None,
    *,
    episodes: int = 64,
    seed: int = PLAYED,
    greedy: bool = True,
) -> dict[str, np.ndarray]:
    """Means over whole episodes, the same ones for everything that is evaluated with one seed: compare in pairs.

    Args:
        what: a run, a rule, or a policy (key, observation, state, params) -> action.
        env: where; a run's own by default.
        params: its parameters; a run's own by default.
        episodes: how many.
        seed: of the episodes.
        greedy: of a run the most likely choices instead of samples.

    Returns:
        metric -> [episodes], or [seeds, episodes] of a run (quantiles have one more axis).

    Raises:
        UserError: a rule or a policy without an environment, or parameters; agents that cannot play there; another
            number of episodes, or seed.
    """
    if isinstance(what, Run):
        env, params = env or what.env, what.params if params is None else params
    if isinstance(what, type) or not (isinstance(what, Run | Rule | Remembering) or callable(what)):
        raise UserError(f"evaluate: {quoted(what)}: must be a run, a rule as `Greedy()`, or a policy")
    if env is None or params is None:
        raise UserError("evaluate: needs env and params, as `make` gives them")
    if not is_whole(episodes) or episodes < 1:
        raise UserError(f"episodes = {quoted(episodes)}: must be a whole number of at least 1")
    key = jax.random.key(_seed("seed", seed))
    if not isinstance(what, Run):
        policy = as_policy(env, what) if isinstance(what, Rule) else what
        return _on_host(jax.jit(lambda key, params: play_episodes(env, params, policy, key, episodes))(key, params))
    learner, algorithm = dataclasses.replace(what._learner, env=env), what.algorithm
    who = "this run" if what.folder is None else str(what.folder)
    check_plays(algorithm, what.agents, env, params, what.env.heads, who)

    def one(agent: Any) -> dict[str, Any]:
        return play_episodes(env, params, learner.policy(algorithm, agent, greedy), key, episodes)

    return _on_host(jax.jit(lambda agents: jax.lax.map(one, agents))(jax.tree.map(jnp.asarray, what.agents)))


def _on_host(found: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in found.items()}
