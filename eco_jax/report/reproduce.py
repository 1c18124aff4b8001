"""The reproduction: finish the study, judge the claims, and write the report with everything behind it."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.env.config import TWIN
from eco_jax.env.parts.energy import CpuEnergy
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.errors import UserError
from eco_jax.files import leftover, write_whole
from eco_jax.report import figures, page, tables, values
from eco_jax.report.claims import SEEDS, Claim, Judging, all_claims, as_written, declared
from eco_jax.report.measures import Context, left_at_twin
from eco_jax.run.settings import RunConfig
from eco_jax.study import judging, learners, names, statistics
from eco_jax.study.core import Study, differences
from eco_jax.study.play import everyone
from eco_jax.study.printed import as_printed, not_as_printed
from eco_jax.study.run import all_parts, finish, left_out
from eco_jax.study.store import Store, noted

PARTS = "parts"
"""Folder of the finished parts in a report's."""
FILES = ("report.html", "report.md", "results.json", "table.md", values.FILE, judging.RECORD, judging.CLAIMS)
"""What is written beside it and the figures."""


def reproduce(
    out: Path, study: Study, settings: Mapping[str, Any], about: Mapping[str, Any], command: str, again: bool = False
) -> tuple[dict[str, Any], list[Claim]]:
    """Run what is missing of the study in `out`, and write `report.html`, `report.md`, `results.json` and figures.

    Args:
        out: folder, made where it is missing; finished parts lie in `out/parts`.
        study: what to run.
        settings: what the numbers depend on beside the profile and the study's settings (see `study.run.finish`).
        about: noted in the results: versions, device, ...
        command: that repeats it.
        again: judge once more, and say so.

    Returns:
        What `results.json` holds, and the claims.

    Raises:
        UserError: the publication was judged already.
    """
    started = time.perf_counter()

    def before(parts: list[str]) -> None:
        judging.begin(out, study.judge, as_written(), parts, again)

    if study.judge:
        parts = finish(study, Store(out / PARTS), settings, before, lambda part: judging.over(out, part))
        judging.end(out)
        about = {**about, "judged": judging.in_words(judging.record(out))}
    else:
        parts = finish(study, Store(out / PARTS), settings)
    env, params = study.world
    done = study.done
    per_episode = max(1, env.config.slots // study.train.rollout)
    claims = all_claims(done, per_episode, study.kind, Judging(study.played, bool(study.judge)))
    played = everyone(done)
    found = tables.comparisons(done, study.kind, str(study.config.values[CpuEnergy.kind]))
    metrics = tables.reported(played)
    drawn = figures.write(
        out, done, env.config.slots, study.train.rollout, study.kind, float(study.config.values["physics.correlation"])
    )
    results = {
        **about,
        "wall_s": round(time.perf_counter() - started, 1),
        "parts": parts,
        "policies": {
            name: {m.column: statistics.interval(values[m])._asdict() for m in metrics if m in values}
            for name, values in played.items()
        },
        "comparisons": found,
        "claims": [
            {"id": c.id, "text": c.text, "measured": c.measured, "lo": c.lo, "hi": c.hi, "unit": c.unit,
             "verdict": c.verdict, "note": c.note, "seeds": c.seeds, "key": c.key, "size": c.size}
            for c in claims
        ],
    }  # fmt: skip
    left = []
    if "references" in done and names.agent(study.kind, TWIN) in played:
        who, parts_left = left_at_twin(Context(done, per_episode, study.kind), float(study.config.values["physics.w2"]))
        found[f"left_at_{TWIN}"] = {"agents": who, **{part: value._asdict() for part, value in parts_left.items()}}
        left = [tables.left_table(who, parts_left)]
    values.write(out, done, per_episode)
    write_whole(out / "results.json", json.dumps(results, indent=2) + "\n")
    summary = [*tables.headline(found), _count(claims), *_not_run(study)]
    lines = [*tables.short_lines(played, study.kind), "", *tables.headline(found)]
    write_whole(out / "table.md", "\n".join(lines) + "\n")
    reading = [tables.printed_table(done["printed"])] if "printed" in done else []
    sections = [
        *_world(study),
        *((("Printed against repaired", reading, _printed(study)),) if reading else ()),
        ("Every sweep in numbers", tables.sweep_tables(done, study.kind), SWEPT),
        ("How the rules were tuned", [tables.tuning_table(study.tuned)], TUNING),
    ]
    report = page.Report(
        title="EcoEdgeTwin, reproduced",
        summary=tuple(summary),
        claims=claims,
        tables=[tables.policy_table(played, float(params.slot)), tables.sampled_table(played), *left],
        pictures=[page.Picture(f.name, f.title, f.caption, out / f"{f.name}.png") for f in drawn],
        sections=sections,
        about=_about(about, parts, command),
        algorithm=study.kind,
    )
    page.write(out, report)
    return results, claims


def check_folder(out: Path) -> None:
    """Whether a report may be written there: nothing is, or nothing but an earlier report and its parts.

    Raises:
        UserError: `out` is a file, or holds what no report wrote.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    there = _shown(out)
    ours = {PARTS, *FILES, *(f"{f.name}.{ending}" for f in figures.FIGURES for ending in ("png", "pdf", "csv"))}
    foreign = [path for path in there if path.name not in ours]
    if there and not (out / PARTS).is_dir():
        foreign = foreign or there  # a file of our name, but not of a study
    foreign += [path for path in _shown(out / PARTS) if not _a_part(path)]
    if foreign:
        raise UserError(f"{out}: holds {foreign[0].relative_to(out)}, which is not of a report; choose another folder")


def _shown(folder: Path) -> list[Path]:
    """What lies in a folder, but for hidden files and leftovers."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith(".") and not leftover(path)]


def _a_part(path: Path) -> bool:
    return path.suffix == ".npz" or (path.suffix == ".json" and "fingerprint" in noted(path))


def _world(study: Study) -> list[tuple[str, list[page.Table], str]]:
    """A section on what differs from the default, and what that leaves out; none where nothing does."""
    differ, out = differences(study.config), left_out(study) | learners.left_out(study)
    if not differ and not out:
        return []
    rows = tuple((f"`{name}`", _said(usual), _said(here)) for name, (usual, here) in differ.items())
    text = "All of this report is about a world and a training with these settings, but for what a part changes."
    text += "".join(f" Left out: {name.replace('_', ' ')} ({why})." for name, why in out.items())
    return [("What differs from the default", [page.Table("Settings", ("setting", "default", "here"), rows)], text)]


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_said, value)) or "–"
    if isinstance(value, Path):
        return value.name
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def in_words(config: RunConfig) -> str:
    """What differs from the default, in a line."""
    return ", ".join(f"{name} = {_said(here)}" for name, (_, here) in differences(config).items()) or "nothing"


PRINTED = (
    "With the equations exactly as printed the problem has trivial optima: offloading costs next to nothing, the "
    "reward pays for low QoE, and so a policy is best that serves its users worst. Compare the QoE of the policies "
    "with their rank."
)
TO_THE_LETTER = {
    "discount": "the weight w3 = {:g} in the discount's place",
    "decay": "the advantage of one step",
    "normalise": "not scaled",
    "residual": "the critic's gradient through V(S′) as well",
}
"""Settings of `study.printed.as_printed` in words."""
SWEPT = f"Intervals as above; the rule is `{FORESIGHT}`."
TUNING = (
    "On episodes of their own, by mean reward, all numbers of a rule together: the same budget of settings for every "
    "rule and level. A number that makes no difference at a level is not tuned there. hysteresis: reward by which "
    "another server must be better for a user to leave the one that served it last (below 0: leaves it sooner). "
    "loads.harm_weight: weight of the harm to the others on a server. sync.above: mean variance of the beliefs about "
    "the own device and the candidates above which a user synchronises (2: never). sync.every: slots between two "
    "synchronisations (0: never)."
)


def _printed(study: Study) -> str:
    """On the printed reading: its optima, what its agents learn by, and where the rest of the report stands."""
    words = [TO_THE_LETTER[setting].format(value) for setting, value in as_printed(study).items()]
    learnt = f"The agents of this reading are trained by {study.kind.__name__}"
    if why := not_as_printed(study):
        learnt = f"No agent is trained in this reading: Algorithms 1 and 2 print w3 in the discount's place, but {why}."
    elif words:
        learnt += f" with what Algorithms 1 and 2 print: {', '.join(words)}."
    else:
        learnt += ", which has no setting for what Algorithms 1 and 2 print."
    reading = study.config.values["equations"]
    return f"{PRINTED} {learnt} Everything else in this report uses the {reading} equations."


def _not_run(study: Study) -> list[str]:
    """A sentence on what `--verdicts-only` left out; none where nothing is missing."""
    titles = [part.title for part in all_parts(study) if part.name not in study.done]
    return [f"Not run (`--verdicts-only`), as no verdict hangs on it: {'; '.join(titles)}."] if titles else []


def _count(claims: list[Claim]) -> str:
    held, failed, open_, without = (
        sum(c.verdict == verdict for c in claims)
        for verdict in ("holds", "does not hold", "not decidable", "exploratory")
    )
    if without == len(claims):
        why = f"a verdict needs {SEEDS} seeds and episodes that nobody has looked at (`--judge`)"
        return f"Exploratory: none of the {without} claims has a verdict; {why}."
    missing = [f"`{row['id']}`" for row in declared() if row["id"] not in {claim.id for claim in claims}]
    rest = f", {without} are exploratory (fewer than {SEEDS} seeds)" if without else ""
    rest += f". Written down, but not measured: {', '.join(missing)}" if missing else ""
    return f"Of {len(claims)} claims {held} hold, {failed} do not, {open_} cannot be decided from these runs{rest}."


def _about(about: Mapping[str, Any], parts: Mapping[str, Any], command: str) -> dict[str, str]:
    flat = {name: str(value) for name, value in about.items() if not isinstance(value, Mapping)}
    versions = about.get("versions", {})
    times = {f"time, {name}": f"{note['seconds']:.0f} s" for name, note in parts.items()}
    return {
        "command": command, **flat, "versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
        "time, all parts": f"{sum(note['seconds'] for note in parts.values()) / 60:.1f} min", **times,
    }  # fmt: skip
