"""What a mobility model is."""

from typing import Any, ClassVar

from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.parts.mobility import fixes
from eco_jax.env.state import Fixes
from eco_jax.parts import Part
from eco_jax.settings import number


class Mobility(Part, kind="mobility"):
    """How users move. Its state, `motion`, is a named tuple of its own with a field `position`, [users, 2] in m."""

    draws: ClassVar[int] = 0
    """standard uniforms that it needs, per user and slot"""

    starts: ClassVar[int] = 0
    """further uniforms that `reset` needs, per user; where there are any, it is given them as `starts`"""

    foretells: ClassVar[str] = ""
    """the setting by which two positions, seen one after the other, give the next one away to whoever remembers them"""

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Any:
        """The motion at the start of an episode.

        Args:
            uniform: standard uniforms in [0, 1).
            params: `EnvParams`; `side` (m) and `slot` (s) among them.
        """
        raise NotImplementedError

    def move(self, uniform: Float[Array, "users draws"], motion: Any, params: Any) -> Any:
        """The motion one slot later; arguments as for `reset`."""
        raise NotImplementedError

    def first_fixes(self, motion: Any) -> Fixes:
        """What is known of the positions at the start."""
        raise NotImplementedError

    def next_fixes(self, known: Fixes, motion: Any, t: Int[Array, ""], params: Any) -> Fixes:
        """What is known of the positions at slot `t`, from what was known before."""
        raise NotImplementedError

    def seen_at(self, motion: Any, known: Fixes) -> Float[Array, "users 2"] | None:
        """Where a controller sees the users, m; None (as here) where they are.

        Args:
            motion: of this slot.
            known: the fixes, as of this slot.
        """
        return None


class Synthetic(Mobility):
    """A model whose users report their positions every few slots: a new one needs `draws`, `reset` and `move` alone."""

    fix_every: Any = number(1, "slots", 1, 1e6, "", "assumed", "slots between two position fixes of a user")

    def first_fixes(self, motion: Any) -> Fixes:
        """One, at the present position."""
        return fixes.first(motion.position)

    def next_fixes(self, known: Fixes, motion: Any, t: Int[Array, ""], params: Any) -> Fixes:
        """A new one every `fix_every` slots."""
        return fixes.update(known, motion.position, t, params.slot, self.fix_every)
