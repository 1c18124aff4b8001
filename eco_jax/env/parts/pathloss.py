"""Path loss and fading of a radio link."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.model import radio
from eco_jax.model.types import Real
from eco_jax.parts import Part, register
from eco_jax.settings import number


class PathLoss(Part, kind="pathloss"):
    """The gain of a link: what the distance leaves, and what changes from slot to slot."""

    draws: ClassVar[int] = 1
    """standard uniforms that `fading` needs, per link and slot"""

    def gain(self, distance: Real) -> Real:
        """Path gain gamma(d) at a distance in m, -."""
        raise NotImplementedError

    def fading(self, uniform: Float[Array, "draws users links"], floor: Any) -> Float[Array, "users links"]:
        """Fading power s of every link in a slot, -: block Rayleigh, Exp(1), not below `floor`.

        Args:
            uniform: standard uniforms in (0, 1).
            floor: smallest fading power, -.
        """
        return jnp.maximum(-jnp.log(1.0 - uniform[0]), floor)  # 1 - uniform is exact, and in (0, 1)


@register("pathloss", "power")
class PowerLaw(PathLoss):
    """Log-distance (power-law) path gain."""

    reference_gain: Any = number(
        -98, "dB", -300, 0, "γ", "assumed", "path gain at the reference distance (15 dB SNR with 0.4 W)"
    )
    reference_distance: Any = number(150, "m", 1, 1e6, "", "assumed", "reference distance of the path gain")
    exponent: Any = number(3.5, "-", 1, 10, "", "assumed", "path loss exponent, between TR 38.901 UMi LoS and NLoS")

    def gain(self, distance: Real) -> Real:
        """See `model.radio.path_gain`."""
        return radio.path_gain(distance, self.reference_gain, self.reference_distance, self.exponent)


@register("pathloss", "umi")
class Umi(PathLoss):
    """3GPP TR 38.901 UMi street canyon, averaged over line of sight."""

    carrier: Any = number(3.5, "GHz", 0.5, 100, "f_c", "assumed", "carrier frequency")
    height_bs: Any = number(10, "m", 1.1, 1000, "h_BS", "TR 38.901", "antenna height of a server's site")
    height_ut: Any = number(1.5, "m", 1.1, 100, "h_UT", "TR 38.901", "antenna height of a user")

    def gain(self, distance: Real) -> Real:
        """See `model.radio.path_gain_umi`."""
        return radio.path_gain_umi(distance, self.carrier, self.height_bs, self.height_ut)
