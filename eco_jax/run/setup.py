"""What every command that computes does first."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError, shown
from eco_jax.run.messages import warn

PACKAGES = ("eco-jax", "jax", "jaxlib", "flax", "optax", "chex", "orbax-checkpoint", "jaxtyping", "numpy")
WORTH_KEEPING_S = 0.1
"""Programs that took less to compile are not kept. JAX's own bound of 1 s leaves out the first state of a training on a
quick machine, and on a GPU the many small programs that come before it."""


def cache_folder() -> str | None:
    """Where compiled programs are kept, None for a user without a home.

    `ECO_JAX_CACHE`, else the user's own `JAX_COMPILATION_CACHE_DIR` (which may be a URL), else in the cache folder.
    """
    own = os.environ.get("ECO_JAX_CACHE") or os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if own:
        return own
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return str(Path(base) / "eco_jax")


def configure(cache: bool = True, look: bool = True) -> None:
    """fp32 arithmetic without shortcuts, and compiled programs kept for the next start.

    Args:
        cache: keep compiled programs.
        look: see whether JAX has a device to run on. Not before `processes.join_in`, which comes before any look.

    Raises:
        UserError: it has none.
    """
    import jax

    config: Any = jax.config
    if config.jax_enable_x64:
        warn("JAX_ENABLE_X64: eco_jax computes in fp32; turned off")
        config.update("jax_enable_x64", False)
    config.update("jax_default_matmul_precision", "highest")
    if cache:
        _keep_programs(cache_folder())
    if look:
        devices()


def _keep_programs(folder: str | None) -> None:
    import jax

    config: Any = jax.config
    least = "jax_persistent_cache_min_compile_time_secs"
    if getattr(config, least) == 1.0 and least.upper() not in os.environ:  # nobody has set it
        config.update(least, WORTH_KEEPING_S)
    if folder is None or folder == config.jax_compilation_cache_dir:
        return
    if "://" not in folder:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return  # no cache, nothing else lost
        if not os.access(folder, os.W_OK):
            return
    config.update("jax_compilation_cache_dir", folder)


def devices() -> list[Any]:
    """What JAX runs on.

    Raises:
        UserError: nothing, as `JAX_PLATFORMS` names what is not there.
    """
    import jax

    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:
        # AssertionError: what jax 0.10 raises where a platform is known and its plugin is not there
        asked = os.environ.get("JAX_PLATFORMS", "")
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no such device here"
        raise UserError(f"JAX_PLATFORMS = {asked!r}: JAX finds nothing to run on: {shown(reason, 200)}") from None


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
    found = devices()
    return f"{len(found)} x {found[0].platform} ({found[0].device_kind})"
