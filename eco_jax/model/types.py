"""Array types shared by the equations."""

from jax import Array
from jaxtyping import Bool, Float, Num

Real = Float[Array, "*#shape"] | float
"""A real quantity of any shape that broadcasts with the function's other arguments."""

Count = Num[Array, "*#shape"] | int | float
"""A number of things, e.g. the tasks on a server."""

Flag = Bool[Array, "*#shape"] | bool
"""A decision or condition."""
