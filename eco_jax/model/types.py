"""Array types shared by the equations."""

from typing import TYPE_CHECKING, Any, TypeAlias

from jax import Array
from jaxtyping import Bool, Float, Num

if TYPE_CHECKING:
    # A static checker knows nothing of shapes and would ask for a cast at every sum of an array and a float. The
    # types below are checked for what they say, shapes included, at run time in the tests.
    Real: TypeAlias = Any
    Count: TypeAlias = Any
    Flag: TypeAlias = Any
else:
    Real = Float[Array, "*#shape"] | float
    """A real quantity of any shape that broadcasts with the function's other arguments."""

    Count = Num[Array, "*#shape"] | int | float
    """A number of things, e.g. the tasks on a server."""

    Flag = Bool[Array, "*#shape"] | bool
    """A decision or condition."""
