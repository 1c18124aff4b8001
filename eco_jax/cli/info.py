"""`eco-jax info`: versions, devices, presets, cache."""

import os
from collections.abc import Sequence
from pathlib import Path

from eco_jax.cli.main import parse
from eco_jax.env import EnvParams
from eco_jax.run.settings import preset_names
from eco_jax.run.setup import cache_folder, configure, device, versions


def parameter_table() -> str:
    """Every number of the model as a Markdown table."""
    head = "| setting | symbol | default | unit | range | source | meaning |\n|---|---|---|---|---|---|---|"
    rows = [
        f"| `{name}` | {s.symbol or '-'} | {s.default:g} | {s.unit} | {s.low:g} to {s.high:g} | {s.source} | {s.doc} |"
        for name, s in EnvParams.specs().items()
    ]
    return "\n".join(["# Parameters", "", "Made by `eco-jax info --parameters`.", "", head, *rows])


def info(parameters: bool = False) -> None:
    """Print what this installation runs on.

    Args:
        parameters: print the table of the model's parameters (Markdown) instead.
    """
    if parameters:
        print(parameter_table())
        return
    configure(cache=False)
    for name, version in versions().items():
        print(f"{name:<17} {version}")
    print(f"{'device':<17} {device()}, {os.cpu_count()} CPU cores")
    folder = cache_folder()
    if folder is None:
        print(f"{'cache':<17} none: no home folder (ECO_JAX_CACHE gives one)")
    else:
        files = [path for path in Path(folder).glob("*") if path.is_file()] if "://" not in folder else []
        size = sum(path.stat().st_size for path in files)
        print(f"{'cache':<17} {folder} ({size / 1e6:.1f} MB of compiled programs; ECO_JAX_CACHE moves it)")
    print(f"{'presets':<17} {', '.join(preset_names())}")


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parse(info, argv, "eco-jax info", "Versions, devices, presets and the compilation cache.")
    return 0
