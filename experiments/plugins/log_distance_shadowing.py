"""A path loss of one's own: log-distance with log-normal shadowing.

eco-jax train --plugin log_distance_shadowing.py --pathloss shadowing --pathloss.sigma 8 --out runs/shadowing
"""

from typing import Any, ClassVar

from jax import Array
from jax.scipy.special import ndtri
from jaxtyping import Float

from eco_jax.env.parts import PowerLaw
from eco_jax.parts import register
from eco_jax.settings import number


@register("pathloss", "shadowing")
class Shadowing(PowerLaw):
    """Log-distance path gain with Rayleigh fading and log-normal shadowing, both drawn anew for each link and slot."""

    draws: ClassVar[int] = 2
    sigma: Any = number(6, "-", 0, 30, "σ_s", "assumed", "standard deviation of the shadowing, dB")

    def fading(self, uniform: Float[Array, "draws users links"], floor: Any) -> Float[Array, "users links"]:
        """Rayleigh fading times 10^(sigma n / 10), n standard normal."""
        rayleigh = super().fading(uniform, floor)
        return rayleigh * 10.0 ** (self.sigma * ndtri(uniform[1]) / 10.0)
