"""Spectrum: who shares the bandwidth of a server."""

from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int

from eco_jax.env.state import Memory
from eco_jax.parts import Part, register

Rates = tuple[Array, Array]
"""Rates up and down, bit/s, [users]."""


def count(index: Int[Array, " users"], servers: int) -> Int[Array, " servers"]:
    """How many users chose each server (-1 for none)."""
    return jnp.sum(index[:, None] == jnp.arange(servers)[None, :], axis=0, dtype=jnp.int32)


class Spectrum(Part, kind="spectrum"):
    """How many users share the bandwidth of a link, itself included."""

    contended: ClassVar[bool] = True
    """whether another sender changes a user's rates"""

    def expected(self, memory: Memory, radio: Int[Array, "users links"]) -> Array | float:
        """Contenders on the links to these servers that a user expects, from the last slot."""
        raise NotImplementedError

    def settle(
        self, radio: Int[Array, " users"], memory: Memory, alone: Rates, among: Callable[[Array], Rates]
    ) -> tuple[Int[Array, " servers"], Rates]:
        """What becomes of the rates once all users have chosen.

        Args:
            radio: server that each user sends to, -1 for none.
            memory: of the last slot.
            alone: rates with the whole bandwidth.
            among: gives the rates, from the users that send to each server.

        Returns:
            (users that send to each server; rates up and down).
        """
        raise NotImplementedError


@register("spectrum", "link")
class Link(Spectrum):
    """The whole bandwidth for every link."""

    contended: ClassVar[bool] = False

    def expected(self, memory: Memory, radio: Int[Array, "users links"]) -> Array | float:
        """One."""
        return 1.0

    def settle(
        self, radio: Int[Array, " users"], memory: Memory, alone: Rates, among: Callable[[Array], Rates]
    ) -> tuple[Int[Array, " servers"], Rates]:
        """As it is alone; nobody contends, so nobody is counted."""
        return memory.radio_load, alone


@register("spectrum", "shared")
class Shared(Spectrum):
    """Equal shares among the users that send to a server in the slot."""

    def expected(self, memory: Memory, radio: Int[Array, "users links"]) -> Array | float:
        """Those of the last slot, and oneself."""
        return memory.radio_load[radio] - (memory.radio[:, None] == radio) + 1.0

    def settle(
        self, radio: Int[Array, " users"], memory: Memory, alone: Rates, among: Callable[[Array], Rates]
    ) -> tuple[Int[Array, " servers"], Rates]:
        """By the users that send."""
        load = count(radio, memory.load.shape[0])
        return load, among(load)
