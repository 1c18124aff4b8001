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

    def compiled(learner, axes, part, length, mesh):
        key = (learner, length)
        if key not in programs:
            programs[key] = compile_program(learner, axes, part, length, mesh)
        return programs[key]

    def begun(learner, axes, keys, env_params, mesh):
        key = (learner, jax.random.key_data(keys).tobytes())
        if key not in states:
            states[key] = begin(learner, axes, keys, env_params, mesh)
        return states[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "compile_program", compiled)
        patch.setattr(fit, "begin", begun)
        yield
