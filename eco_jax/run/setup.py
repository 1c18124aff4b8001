"""What every command that computes does first."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = ("eco-jax", "jax", "jaxlib", "flax", "optax", "chex", "orbax-checkpoint", "jaxtyping", "numpy")


def cache_folder() -> Path:
    """The compilation cache: `ECO_JAX_CACHE`, or in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ECO_JAX_CACHE") or Path(base) / "eco_jax")


def configure() -> None:
    """fp32 arithmetic without shortcuts, and compiled programs kept for the next start."""
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return  # no cache, nothing else lost
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def versions() -> dict[str, str]:
    """Versions of everything that decides the numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def device() -> str:
    """The device that the program runs on, in words."""
    import jax

    first = jax.devices()[0]
    return f"{len(jax.devices())} x {first.platform} ({first.device_kind})"


def warn(text: str) -> None:
    """One line on stderr: something is not as it should be, and what is done about it."""
    print(f"warning: {text}", file=sys.stderr, flush=True)
