"""A cost term of one's own: what the edge charges for its CPU time.

eco-jax train --plugin money.py --cost money --cost.money.price 0.5 --out runs/money
"""

from typing import Any, ClassVar

from eco_jax.env.parts import Cost
from eco_jax.env.parts.cost import Spent
from eco_jax.model.types import Real
from eco_jax.parts import register
from eco_jax.settings import number


@register("cost", "money")
class Money(Cost):
    """A price for every second that a task keeps a server's CPU busy."""

    unit: ClassVar[str] = "cent"
    label: ClassVar[str] = "price of edge computing"
    price: Any = number(1, "-", 0, 1e6, "", "assumed", "price of a CPU second on the edge, cent")

    def cost(self, spent: Spent) -> Real:
        """Price * beta C / (f - f~): the CPU time of the task itself, whatever runs beside it."""
        return self.price * spent.beta * spent.cycles / spent.server.rate
