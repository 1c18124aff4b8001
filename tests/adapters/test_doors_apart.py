"""What the doors need is imported by nobody else."""

import subprocess
import sys
from pathlib import Path

PACKAGES = ("gymnasium", "gymnax", "pettingzoo", "stable_baselines3", "torch", "jaxmarl")


def test_the_package_imports_no_door():
    code = f"""
import sys, eco_jax, eco_jax.api, eco_jax.adapters.common, eco_jax.adapters.spaces, eco_jax.bench.doors
found = [name for name in sys.modules if name.partition('.')[0] in {PACKAGES}]
sys.exit(f'imported: {{found}}' if found else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


def test_no_module_of_the_package_names_a_door_but_the_benchmark():
    package = Path(__file__).parents[2] / "eco_jax"
    doors = [path.stem for path in (package / "adapters").glob("*.py") if path.stem not in ("__init__", "gymnax")]
    importing = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.parent.name != "adapters"
        and any(f"eco_jax.adapters.{door} import" in path.read_text("utf-8") for door in doors)
    }
    assert importing == {"bench/doors.py"}
