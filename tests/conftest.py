"""What all tests share."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _quick_compilation(request):
    """Compilation dominates these small programs, so most optimisations are off except where a test is slow anyway."""
    jax.config.update("jax_disable_most_optimizations", request.node.get_closest_marker("slow") is None)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test writes to the user's compilation cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ECO_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
