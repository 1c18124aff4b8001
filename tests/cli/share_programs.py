"""Runs of the same program in one process share its compilation; `train` in a process of its own does not."""

import contextlib

import jax
import pytest

from eco_jax.train import fit


@contextlib.contextmanager
def shared_programs():
    """While it lasts, what `fit` compiles for equal settings is compiled once."""
    programs, states = {}, {}
    compile_program, begin = fit.compile_program, fit.begin

    def of(tree):
        """What a program depends on of a tree: the algorithm's class and static settings are in its structure."""
        return jax.tree.structure(tree), tuple(jax.numpy.shape(leaf) for leaf in jax.tree.leaves(tree))

    def compiled(learner, axes, part, length, mesh):
        key = (learner, length, of(part))
        if key not in programs:
            programs[key] = compile_program(learner, axes, part, length, mesh)
        return programs[key]

    def begun(learner, axes, algorithms, keys, env_params, mesh):
        key = (learner, of(algorithms), of(env_params), jax.random.key_data(keys).tobytes())
        if key not in states:
            states[key] = begin(learner, axes, algorithms, keys, env_params, mesh)
        return states[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "compile_program", compiled)
        patch.setattr(fit, "begin", begun)
        yield
