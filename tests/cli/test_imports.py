"""What is imported when: nothing that costs time before it is asked for."""

import subprocess
import sys

import pytest


def test_import_is_cheap():
    # Over importing jax, flax and optax themselves: none of rich, polars, orbax, matplotlib, scipy.stats, tyro.
    code = (
        "import sys, jax, flax, optax, eco_jax, eco_jax.train.loop, eco_jax.train.fit, eco_jax.data; "
        "bad = [m for m in ('rich.progress', 'polars', 'orbax', 'matplotlib', 'tyro', 'gymnax') if m in sys.modules]; "
        "print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_overview_of_commands_imports_nothing_heavy():
    code = (
        "import sys; from eco_jax.cli.main import main; code = main(['--help']); "
        "sys.exit(code or bool({'jax', 'numpy', 'tyro'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "eco-jax train" in done.stdout


def test_every_public_name_is_there_when_it_is_asked_for():
    import eco_jax

    assert set(eco_jax.__all__) <= set(dir(eco_jax))
    for name in eco_jax.__all__:
        assert getattr(eco_jax, name) is not None
    assert eco_jax.model.__name__ == "eco_jax.model"
    with pytest.raises(AttributeError, match="module 'eco_jax' has no attribute 'nothing'"):
        eco_jax.nothing  # noqa: B018
