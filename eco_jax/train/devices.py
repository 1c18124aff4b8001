"""The devices of a training: which of them, and the host, where is done what is done member by member."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp

from eco_jax.errors import UserError


def chosen(count: int, there: Sequence[Any]) -> list[Any]:
    """The first `count` devices of those that are there; all of them for 0.

    Raises:
        UserError: there are fewer.
    """
    if not 0 <= count <= len(there):
        raise UserError(f"--devices {count}: must lie in [0, {len(there)}], the devices that there are")
    return list(there[: count or len(there)])


def default() -> Any:
    """The device that JAX computes on where nothing says otherwise."""
    with jax.ensure_compile_time_eval():
        return next(iter(jnp.int32(0).devices()))


def host() -> Any:
    """The CPU as a device of JAX; where JAX was started without one (`JAX_PLATFORMS=cuda`), its default device."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return default()


def on_host() -> AbstractContextManager[Any]:
    """Within it new arrays lie on the host.

    A thousand members have a hundred numbers each. On an accelerator every one would be a transfer of its own.
    """
    return jax.default_device(host())


def one_by_one(device: Any) -> bool:
    """Whether a program of this device holds one member, and members run in threads: see `train.program`."""
    return str(device.platform) == "cpu"
