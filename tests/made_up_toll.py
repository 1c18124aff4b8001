"""A plug-in with a cost term, that counts how often it is executed."""

from pathlib import Path

SOURCE = '''"""A cost of {name}."""

from pathlib import Path
from typing import Any

from eco_jax.env.parts import Cost
from eco_jax.parts import register
from eco_jax.settings import number

with Path("executed").open("a") as file:
    file.write("{name}\\n")


@register("cost", "{name}")
class Own(Cost):
    """A price for what is offloaded."""

    price: Any = number(1, "-", 0, 100, "", "", "price of a task")

    def cost(self, spent):
        """Price * beta."""
        return self.price * spent.beta
'''


def write(path: Path, name: str = "toll") -> Path:
    """The same as a file."""
    path.write_text(SOURCE.format(name=name))
    return path


def executions() -> int:
    """How often plug-ins were executed in the current folder."""
    return len(Path("executed").read_text().splitlines()) if Path("executed").exists() else 0


def forget_executions() -> None:
    """Count from now on."""
    Path("executed").unlink(missing_ok=True)
