"""Trains the reference agents, one for each level of knowledge, and writes their model card.

Each is `eco-jax train` as it comes, seed 0, not the best of several; of its checkpoint the parameters alone are kept.

    python experiments/reference.py [--runs runs/reference]
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from eco_jax.env import KNOWLEDGE
from eco_jax.files import write_whole
from eco_jax.metrics import MAIN
from eco_jax.run import settings
from eco_jax.run.messages import warn
from eco_jax.train import manifest
from eco_jax.train.checkpoint import params_sha256, restore_params, save_params

HERE = Path(__file__).resolve().parents[1]
OUT = HERE / "checkpoints" / "reference"
EPISODES = 64


def command(*words: object) -> None:
    """Run `eco-jax`."""
    subprocess.run([sys.executable, "-m", "eco_jax", *map(str, words)], check=True)


def keep(run: Path, out: Path) -> dict:
    """A run's settings and the parameters of its agent, where users find them. Returns what the card says."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(run / "config.toml", out)
    note = settings.recorded(run / "config.toml")
    update, params = restore_params(run / "checkpoint", warn, note["id"])
    save_params(out / "checkpoint", update, params, note["id"])
    anonymous(out / "checkpoint" / str(update))
    summary = json.loads((run / "summary.json").read_text())
    assert params_sha256(restore_params(out / "checkpoint", warn, note["id"])[1]) == params_sha256(params)
    return {"updates": update, "steps": summary["env_steps"], "sha256": summary["params_sha256"], **note}


def anonymous(step: Path) -> None:
    """Orbax notes the folder where a checkpoint was written: that is nobody's business."""
    note = manifest.read(step)
    note.pop("files")
    (step / manifest.STATE / "commit_success.txt").write_text("Checkpoint commit was successful\n")
    manifest.write(step, note)


def card(found: dict[str, dict], played: dict[str, dict]) -> str:
    """The model card."""
    any_ = next(iter(found.values()))
    versions = ", ".join(f"{name} {v}" for name, v in any_["versions"].items())
    heads = " | ".join(m.head if m.unit == "-" else f"{m.head} {m.unit}" for m in MAIN)
    rows = [
        f"| `{level}` | "
        + " | ".join(f"{(c := played[level][metric])['mean']:.3f} [{c['lo']:.3f}, {c['hi']:.3f}]" for metric in MAIN)
        + f" | `{kept['sha256'][:16]}` |"
        for level, kept in found.items()
    ]
    return "\n".join([
        "# Reference agents",
        "",
        "One trained agent for each level of knowledge. `eco-jax evaluate` and `eco-jax view` play them where no run "
        "is named, and `eco_jax.load` reads them like any run.",
        "",
        f"- **What they are.** A2C with the default settings (`config.toml` beside each), {any_['updates']:,} updates, "
        f"{any_['steps']:,} environment steps, seed {any_['seed']}: one seed each, not the best of several.",
        "- **Trained on** synthetic mobility (random waypoint) in the default world: 30 users, 45 servers.",
        "- **For** a first look, and as a start for comparisons of your own. They carry no claim: claims need seeds. "
        "What ten agents of each level earn on the judging episodes, beside rules and references, is in "
        "[the study](../../experiments/results/paper/table.md): `a2c-none` to `a2c-truth`.",
        f"- **Made by** `python experiments/reference.py` on {any_['device']}; {versions}.",
        "- **Kept** are the settings and the parameters alone, so they can be played, not trained further.",
        "",
        f"Means over {EPISODES} episodes of `eco-jax evaluate --knowledge LEVEL`, most likely choices, with 95 % "
        "bootstrap intervals over episodes:",
        "",
        f"| knowledge | {heads} | SHA-256 of the parameters |",
        "|---|" + "---|" * (len(MAIN) + 1),
        *rows,
        "",
    ])  # fmt: skip


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/reference"), help="where they are trained")
    runs = parser.parse_args().runs
    found, played = {}, {}
    for level in KNOWLEDGE:
        command("train", "--knowledge", level, "--out", runs / level, "--resume")
        found[level] = keep(runs / level, OUT / level)
        results = runs / f"{level}.json"
        command("evaluate", "--knowledge", level, "--episodes", EPISODES, "--rules", "none", "--json", results)
        played[level] = next(iter(json.loads(results.read_text()).values()))
    write_whole(OUT / "README.md", card(found, played))


if __name__ == "__main__":
    main()
