"""Run the parts of a study that are not there yet, and say what runs and how long is left."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eco_jax.agent.algorithms.base import check_learns
from eco_jax.env.parts import Replay, Waypoint
from eco_jax.env.policies import named
from eco_jax.errors import UserError
from eco_jax.run.messages import say
from eco_jax.run.progress import Display
from eco_jax.study import ablations, assumptions, learners, names, printed
from eco_jax.study.core import Part, Study
from eco_jax.study.parts import table_parts
from eco_jax.study.profile import Profile
from eco_jax.study.store import Store, fingerprint
from eco_jax.study.sweeps import changes, other_parts
from eco_jax.train.outside import check_outside

ARRAYS = 4
"""What the arrays of parts are, and how they are named: parts of another number are run anew."""

NO_NUMBERS = ("seconds", "assumptions", "ablations", "checks", "learners")
"""Fields of a profile that no number of a part depends on: they say which parts there are."""


def left_out(study: Study) -> dict[str, str]:
    """Points of the profile (its fields) that this world has no use for, and why."""
    mobility = study.config.values["mobility"]
    found: dict[str, str] = {}
    if study.kind is not printed.AS_WRITTEN:
        found["online_episodes"] = (
            f"Algorithm 1 as written is {printed.AS_WRITTEN.__name__}, here {study.kind.__name__} learns"
        )
    if mobility != Waypoint.name:
        found["speeds"] = f"of users who move by {mobility} no sweep sets the speed"
    if mobility == Replay.name:
        found["fix_gaps"] = "a recorded user's position is known when it was recorded"
        if study.config.values["mobility.start"] == "together":
            found["users"] = "a trace has only so many at one time"
    if study.config.sites is not None:
        found["servers"] = "there are as many servers as sites"
    return {name: why for name, why in found.items() if getattr(study.profile, name)}


def possible(study: Study) -> Profile:
    """The profile without the points that are left out."""
    nothing: Any = {name: type(getattr(study.profile, name))() for name in left_out(study)}
    return dataclasses.replace(study.profile, **nothing)


def check(study: Study) -> None:
    """Whether every part can run: makes each world that a part will need, and trains in none.

    Raises:
        UserError: what is wrong with one of them.
    """
    rules = {*named(), names.CENTRAL, *names.KNOWS_TRUTH, *names.MEASURES_ALL}
    if study.kind.name in rules:
        raise UserError(f"algorithm = {study.kind.name!r}: has the name of a rule; no report could tell them apart")
    algorithm = study.algorithm()
    env, params = study.world
    for level in study.profile.levels:
        check_learns(algorithm, study.learner(env).config, env, params.with_knowledge(level))
    check_outside(study.learner(env), algorithm, params)
    p = possible(study)
    for change in (*changes(p), printed.READING, *(change for _, _, change in ablations.worlds_of(study))):
        check_learns(algorithm, study.train, *study.make(**change))
    assumptions.varied(study)


def all_parts(study: Study) -> list[Part]:
    """Every part of the study, in an order in which each finds what it needs: what carries verdicts comes first."""
    whole = _parts(dataclasses.replace(study, learners=None), study.profile)
    scale = study.profile.seconds / sum(part.seconds for part in whole)
    return [dataclasses.replace(part, seconds=scale * part.seconds) for part in _parts(study, possible(study))]


def _parts(study: Study, profile: Profile) -> list[Part]:
    found = [*table_parts(profile), *other_parts(profile), *printed.parts_of(profile)]
    found += [*assumptions.part_of(profile.assumptions), *ablations.part_of(profile), *learners.parts_of(study)]
    first = _behind_verdicts(found)
    return sorted(found, key=lambda part: part.name not in first)


def _behind_verdicts(parts: Sequence[Part]) -> set[str]:
    return {name for part in parts if part.judged for name in (part.name, *part.needs)}


def so_far(parts: Sequence[Part], number: int, share: float, spent_s: float) -> tuple[float, str]:
    """How far the missing parts are.

    Args:
        parts: all that were missing.
        number: of them are finished.
        share: of the next one is done.
        spent_s: time since the first began, s.

    Returns:
        The work done, in the unit of `Part.seconds`, and the time left in words.
    """
    total = sum(part.seconds for part in parts)
    done = sum(part.seconds for part in parts[:number]) + share * parts[number].seconds
    # The parts' costs are for two idle cores: what has been done so far says how this machine compares.
    left = (total - done) * (spent_s / done if done > 0.05 * total else 1.0)
    return done, f"about {max(1, round(left / 60))} min left" if left > 45 else f"about {left:.0f} s left"


def finish(
    study: Study, store: Store, settings: Mapping[str, Any], before: Callable[[list[str]], None] = lambda parts: None,
    after: Callable[[str], None] = lambda part: None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Finish the study: parts that the store has of the same settings are kept, the others are run and stored.

    Args:
        study: `done` is filled.
        store: where the parts are.
        settings: what the numbers depend on beside the profile and the study's own settings: versions, device.
        before: called before the first episode of evaluation is played, if any is, with the names of the parts that
            will; may raise to stop.
        after: called when each of them is stored, with its name.

    Returns:
        part -> what was noted of it (`seconds`, ...).
    """
    parts = all_parts(study)
    profile = {name: value for name, value in dataclasses.asdict(study.profile).items() if name not in NO_NUMBERS}
    same = {"arrays": ARRAYS, "profile": profile, "study": study.settings, **settings}
    marks = {
        part.name: fingerprint(
            {"part": part.name, **same}
            | ({"played": study.played} if part.judged else {})
            | ({"varies": part.varies} if part.varies else {})
        )
        for part in parts
    }
    about: dict[str, dict[str, Any]] = {}
    missing = []
    wanted = _behind_verdicts(parts) if study.verdicts_only else set(marks)
    for part in parts:
        kept = store.load(part.name, marks[part.name])
        if kept is None:
            missing += [part] if part.name in wanted else []
        else:
            study.done[part.name], about[part.name] = kept
    if judged := [part.name for part in missing if part.judged]:
        before(judged)
    if missing and about:
        say(f"{len(about)} of {len(parts)} parts are there already")
    total, began = sum(part.seconds for part in missing), time.monotonic()
    with Display() as display:
        for number, part in enumerate(missing):

            def tick(share: float, number: int = number, part: Part = part) -> None:
                done, text = so_far(missing, number, share, time.monotonic() - began)
                name = f"{number + 1}/{len(missing)} {part.title}"
                display.show(name, done, total, text, f"[{name}] {share:4.0%}   {text}", now=share == 0.0)

            study.tick = tick
            tick(0.0)
            started = time.monotonic()
            study.done[part.name] = part.run(study)
            about[part.name] = {"title": part.title, "seconds": round(time.monotonic() - started, 1)}
            store.save(part.name, marks[part.name], study.done[part.name], about[part.name])
            if part.judged:
                after(part.name)
    return {part.name: about[part.name] for part in parts if part.name in about}
