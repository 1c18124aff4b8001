"""How traces are written, one file each. Importing this registers those that come with the package.

A format of one's own is a subclass of `Format` with `parse`, registered by name: `@register("format", "mine")`.
"""

from eco_jax.data.formats.base import Format, Found, as_format
from eco_jax.data.formats.bonnmotion import BonnMotion
from eco_jax.data.formats.delimited import Gps, Xy
from eco_jax.data.formats.sumo import Sumo
from eco_jax.data.formats.tdrive import TDrive

__all__ = ["BonnMotion", "Format", "Found", "Gps", "Sumo", "TDrive", "Xy", "as_format"]
