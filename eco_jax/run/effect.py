"""Settings that do something only where another setting says so."""

from collections.abc import Collection, Mapping
from typing import Any

from eco_jax.errors import UserError, quoted

_WAYPOINT = ("env.mobility", ("waypoint",))
_GAUSS_MARKOV = ("env.mobility", ("gauss-markov",))
_SYNTHETIC = ("env.mobility", ("waypoint", "gauss-markov"))
_REPAIRED = ("env.equations", ("repaired",))
_POWER, _UMI = ("env.pathloss", ("power",)), ("env.pathloss", ("umi",))
_NEAREST = ("env.access", ("nearest",))
_BY_TIME, _CMOS = ("env.cpu_energy", ("power_time",)), ("env.cpu_energy", ("cmos",))
_PPO, _A2C = ("train.algorithm", ("ppo",)), ("train.algorithm", ("a2c",))

Need = tuple[str, tuple[str, ...]]
NEEDS: dict[str, tuple[Need, ...]] = {
    "physics.speed_min": (_WAYPOINT,),
    "physics.speed_max": (_WAYPOINT,),
    "physics.gm_speed": (_GAUSS_MARKOV,),
    "physics.gm_speed_std": (_GAUSS_MARKOV,),
    "physics.gm_turn_std": (_GAUSS_MARKOV,),
    "physics.gm_memory": (_GAUSS_MARKOV,),
    "physics.fix_every": (_SYNTHETIC,),
    "physics.radius": (("env.coverage", ("hard",)),),
    "physics.gain": (_POWER,),
    "physics.gain_distance": (_POWER,),
    "physics.exponent": (_POWER,),
    "physics.carrier": (_UMI,),
    "physics.height_bs": (_UMI,),
    "physics.height_ut": (_UMI,),
    "physics.kappa_edge": (_CMOS, _REPAIRED),
    "physics.kappa_device": (_CMOS, _REPAIRED),
    "physics.edge_power": (_BY_TIME,),
    "physics.device_power": (_BY_TIME, _REPAIRED),
    "physics.queuing": (_NEAREST, _REPAIRED),
    "physics.backhaul": (_NEAREST, _REPAIRED),
    "physics.migration_power": (_REPAIRED,),
    "physics.placement_energy": (_REPAIRED,),
    "physics.replica_slots": (_REPAIRED,),
    "env.cpu_energy": (_REPAIRED,),
    "train.epochs": (_PPO,),
    "train.minibatches": (_PPO,),
    "train.residual": (_A2C,),
    "hyper.ratio_limit": (_PPO,),
}
"""Setting -> others and the values of theirs at which it has an effect; all of them must hold.

What only some levels of knowledge use (errors and costs of a twin) is not here: levels are compared in one world.
"""


def idle(settings: Mapping[str, Any]) -> dict[str, Need]:
    """Setting -> what it would need, for those without an effect among all settings by their flags' names."""
    found: dict[str, Need] = {}
    for name, needs in NEEDS.items():
        for need in needs:
            if settings[need[0]] not in need[1]:
                found.setdefault(name, need)
    return found


def check_effect(settings: Mapping[str, Any], default: Mapping[str, Any], given: Collection[str]) -> None:
    """Whether all that was given has an effect.

    Args:
        settings: all of them, by their flags' names.
        default: the same where nothing is given. A value that is the default one may be given anywhere.
        given: names of those that somebody gave.

    Raises:
        UserError: one has none; it and the setting that it would need are named.
    """
    for name, (other, values) in idle(settings).items():
        if name in given and settings[name] != default[name]:
            needed = " or ".join(map(repr, values))
            raise UserError(
                f"{name} = {quoted(settings[name])}: has no effect with {other} = {settings[other]!r}; "
                f"it needs {needed}"
            )
