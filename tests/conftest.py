"""What all tests share."""

import gc
import os
import sys

import jax
import pytest
from hypothesis import settings
from quick import flags

KEPT_S = 0.1
"""A program that took as long to compile is kept."""


def pytest_configure(config):
    """Compilation dominates these small programs: what was compiled once is kept, here and not in the user's cache."""
    os.environ["XLA_FLAGS"] = flags()
    gc.set_threshold(100_000, 20, 100)  # tracing makes millions of objects that stay
    folder = config.rootpath / ".pytest_cache" / "compiled"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["ECO_JAX_CACHE"] = str(folder)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = str(KEPT_S)  # in the processes of a test
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", KEPT_S)


settings.register_profile("here", deadline=None)  # a busy machine is no error
settings.load_profile("here")


def pytest_collection_modifyitems(items):
    """Modules with slow tests first, each in one piece: what is left at the end, one worker alone has to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Programs are compiled quickly, not well, but where a test asks for it: here and in the processes of the test.

    Before any fixture, so that all agree.
    """
    quick = item.get_closest_marker("optimised") is None
    jax.config.update("jax_disable_most_optimizations", quick)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(int(quick))


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    """What a test, or a plug-in that it loads, registers is forgotten after it."""
    from eco_jax import parts, plugins

    modules = set(sys.modules)
    before, loaded = {kind: set(known) for kind, known in parts._REGISTERED.items()}, dict(plugins.LOADED)
    yield
    for kind, known in parts._REGISTERED.items():
        for name in set(known) - before.get(kind, set()):
            if not known[name].__module__.startswith("eco_jax."):  # a module of ours may be imported late
                parts.forget(kind, name)
    plugins.LOADED.clear()
    plugins.LOADED.update(loaded)
    for name in set(sys.modules) - modules:
        if name.startswith("eco_jax_plugin_"):
            del sys.modules[name]
