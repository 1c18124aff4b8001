"""The reproduction: finish the study, judge the claims, and write the report with everything behind it."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.report import figures, page, statistics, tables
from eco_jax.report.claims import Claim, all_claims
from eco_jax.report.study.core import Study
from eco_jax.report.study.run import run
from eco_jax.report.study.store import Store


def reproduce(
    out: Path, study: Study, settings: Mapping[str, Any], about: Mapping[str, Any], command: str
) -> tuple[dict[str, Any], list[Claim]]:
    """Run what is missing of the study in `out`, and write `report.html`, `report.md`, `results.json` and figures.

    Args:
        out: folder, made where it is missing; finished parts lie in `out/parts`.
        study: what to run.
        settings: everything beside the profile that the numbers depend on (see `study.run`).
        about: noted in the results: versions, device, ...
        command: that repeats it.

    Returns:
        What `results.json` holds, and the claims.
    """
    started = time.perf_counter()
    parts = run(study, Store(out / "parts"), settings)
    env, params = study.world
    done = study.done
    per_episode = max(1, env.config.slots // study.train.rollout)
    claims = all_claims(done, per_episode)
    played = tables.everyone(done)
    found = tables.comparisons(played)
    drawn = figures.write(out, done, env.config.slots, study.train.rollout)
    results = {
        **about,
        "wall_s": round(time.perf_counter() - started, 1),
        "parts": parts,
        "policies": {
            name: {key: statistics.interval(values[metric])._asdict() for key, metric in tables.METRICS.items()}
            for name, values in played.items()
        },
        "comparisons": found,
        "claims": [
            {"id": c.id, "text": c.text, "measured": c.measured, "lo": c.lo, "hi": c.hi, "unit": c.unit,
             "verdict": c.verdict, "note": c.note}
            for c in claims
        ],
    }  # fmt: skip
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    summary = [*tables.headline(found), _count(claims)]
    lines = [*tables.short_lines(played), "", *tables.headline(found)]
    (out / "table.md").write_text("\n".join(lines) + "\n")
    sections = [
        ("Printed against repaired", [tables.printed_table(done["printed"])], PRINTED),
        ("Every sweep in numbers", tables.sweep_tables(done), "Intervals as above; the rule is `foresight`."),
        ("How the rules were tuned", [tables.tuning_table(study.tuned)], TUNING),
    ]
    report = page.Report(
        title="EcoEdgeTwin, reproduced",
        summary=tuple(summary),
        claims=claims,
        tables=[tables.policy_table(played, float(params.slot)), tables.sampled_table(played)],
        pictures=[page.Picture(f.name, f.title, f.caption, out / f"{f.name}.png") for f in drawn],
        sections=sections,
        about=_about(about, parts, command),
    )
    page.write(out, report)
    return results, claims


PRINTED = (
    "With the equations exactly as printed the problem has trivial optima: offloading costs next to nothing, the "
    "reward pays for low QoE, and so a policy is best that serves its users worst. Compare the QoE of the policies "
    "with their rank. Everything else in this report uses the repaired equations."
)
TUNING = (
    "On episodes of their own, by mean reward. Hysteresis: reward by which another server must be better for a user to "
    "leave the one that served it last (below 0: leaves it sooner). sync_above: mean variance of the beliefs about the "
    "own device and the candidates above which a user synchronises. sync_every: slots between two synchronisations."
)


def _count(claims: list[Claim]) -> str:
    held = sum(c.verdict == "holds" for c in claims)
    open_ = sum(c.verdict == "not decidable" for c in claims)
    failed = len(claims) - held - open_
    return f"Of {len(claims)} claims {held} hold, {failed} do not, and {open_} cannot be decided from these runs."


def _about(about: Mapping[str, Any], parts: Mapping[str, Any], command: str) -> dict[str, str]:
    flat = {name: str(value) for name, value in about.items() if not isinstance(value, Mapping)}
    versions = about.get("versions", {})
    times = {f"time, {name}": f"{note['seconds']:.0f} s" for name, note in parts.items()}
    return {
        "command": command, **flat, "versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
        "time, all parts": f"{sum(note['seconds'] for note in parts.values()) / 60:.1f} min", **times,
    }  # fmt: skip
