"""`eco-jax info`: versions, devices, presets, cache."""

import os
from collections.abc import Sequence

from eco_jax.cli.main import parse
from eco_jax.cli.settings import preset_names
from eco_jax.cli.setup import cache_folder, device, versions


def info() -> None:
    """Print what this installation runs on."""
    for name, version in versions().items():
        print(f"{name:<17} {version}")
    print(f"{'device':<17} {device()}, {os.cpu_count()} CPU cores")
    folder = cache_folder()
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file()) if folder.is_dir() else 0
    print(f"{'cache':<17} {folder} ({size / 1e6:.1f} MB of compiled programs; ECO_JAX_CACHE moves it)")
    print(f"{'presets':<17} {', '.join(preset_names())}")


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parse(info, argv, "eco-jax info", "Versions, devices, presets and the compilation cache.")  # type: ignore[arg-type]
    return 0
