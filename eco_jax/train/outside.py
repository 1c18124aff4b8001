"""Parts from outside of the package, tried before a run begins: an update is traced, nothing is computed."""

import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp

from eco_jax.agent.algorithms import Algorithm
from eco_jax.errors import UserError, shown
from eco_jax.parts import Part, place_of
from eco_jax.train.loop import Learner


def check_outside(learner: Learner, algorithm: Algorithm, env_params: Any) -> None:
    """Whether parts of a user's own can be traced: at once where there are none, else through a whole update.

    Args:
        learner: the environment and the loop.
        algorithm: of one member.
        env_params: of one member's environments.

    Raises:
        UserError: the error that would end the run, with the part, and the file and line where there are any.
    """
    own = [part for part in _parts((algorithm, env_params)) if not type(part).__module__.startswith("eco_jax.")]
    if not own:
        return

    def begun(algorithm: Algorithm, env_params: Any) -> Any:
        axes = jax.tree.map(lambda _: None, env_params)
        members = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], algorithm)
        state = learner.init(axes, members, jax.random.key(0)[None], env_params)
        return learner.chunk(1, axes, state, members, env_params, jnp.asarray(0), jnp.asarray(1))

    try:
        jax.eval_shape(begun, algorithm, env_params)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_told(error, own)) from error


def _parts(tree: Any) -> Iterator[Part]:
    """All parts of a tree, with those that they hold."""
    for part in jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, Part)):
        if isinstance(part, Part):
            yield part
            yield from _parts(list(vars(part).values()))


def _told(error: Exception, own: list[Part]) -> str:
    """The part, or all that may be meant, with file and line, and the error."""
    modules = {type(part).__module__ for part in own}
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    meant = next(filter(None, (_at_work(frame, own) for frame, _ in frames)), own)
    names = ", ".join(sorted({f"{part.kind} {part.name or '?'} ({place_of(type(part))})" for part in meant}))
    if isinstance(error, NotImplementedError) and frames[0][0].f_globals["__name__"] not in modules:
        return f"{names}: has no `{frames[0][0].f_code.co_name}`"
    lines = (f"{f.f_code.co_filename}:{line}: " for f, line in frames if f.f_globals["__name__"] in modules)
    return f"{names}: {next(lines, '')}{type(error).__name__}: {shown(error, 300)}"


def _at_work(frame: FrameType, own: list[Part]) -> list[Part]:
    """Those parts that a function has in its hands, with those that they hold; the loop has the algorithm always."""
    if frame.f_globals["__name__"] == Learner.__module__:
        return []
    held = [value for value in frame.f_locals.values() if isinstance(value, Part)]
    return [part for part in _parts(held) if type(part) in map(type, own)]
