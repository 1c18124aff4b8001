"""`eco-jax info`: versions, devices, presets, examples, cache."""

import os
from collections.abc import Sequence
from pathlib import Path

from eco_jax.cli.flags import declared, told
from eco_jax.cli.main import load_plugins, parse, without_plugins
from eco_jax.errors import UserError
from eco_jax.run.settings import preset_names
from eco_jax.run.setup import cache_folder, configure, device, versions


def parameter_table() -> str:
    """Every setting as a Markdown table."""
    head = "| setting | symbol | default | unit | range | source | meaning |\n|---|---|---|---|---|---|---|"
    rows = [
        f"| `{section}.{name}` | {s.symbol or '-'} | {told(s)} | {s.unit} | {s.allowed} | {s.source or '-'} | "
        f"{s.doc}{f' ({part})' if part else ''} |"
        for section, part, name, s in declared()
    ]
    about = "Made by `eco-jax info --parameters`. In brackets: the variant of a part that has the setting."
    return "\n".join(["# Parameters", "", about, "", head, *rows])


def examples_folder() -> Path:
    """Where the example plug-ins lie: in the installed package, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "experiments" / "plugins"


def info(parameters: bool = False, examples: bool = False) -> None:
    """Print what this installation runs on.

    Args:
        parameters: print the table of all settings (Markdown) instead.
        examples: print the folder of the example plug-ins instead.
    """
    if parameters and examples:
        raise UserError("--parameters and --examples: give one of them, not both")
    if examples:
        print(examples_folder())
        return
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
    names = ", ".join(sorted(path.name for path in examples_folder().glob("*.py")))
    print(f"{'examples':<17} {names} in {examples_folder()}")


def main(argv: Sequence[str]) -> int:
    """See the module."""
    load_plugins(argv)
    parse(
        info,
        without_plugins(argv),
        "eco-jax info",
        "Versions, devices, presets, examples and the compilation cache.",
    )
    return 0
