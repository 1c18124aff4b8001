"""Training: the loop, its host side, evaluation."""

import sys
import types
from typing import Any


class _Callable(types.ModuleType):
    """`eco_jax.train` is this folder and, called, `eco_jax.api.train`: whichever is imported first, both work."""

    def __call__(self, *given: Any, **more: Any) -> Any:
        from eco_jax.api import train

        return train(*given, **more)


sys.modules[__name__].__class__ = _Callable
