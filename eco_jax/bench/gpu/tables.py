"""What the suite `gpu` found, as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

Table = tuple[str, list[str], list[list[str]]]
"""Title, head and rows."""


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """The suite's results, what there is of them so far."""
    about, settings = found["device"], found["settings"]
    shown = {**about, "memory_mb": f"{about['memory_mb']:,.0f}", "users": settings["users"]}
    yield "Accelerator", ["", ""], [[name, str(value)] for name, value in shown.items()]
    checked = _checked(found)
    if checked:
        head = ["", "integers that differ", "largest difference of floats", "in", "allowed", ""]
        yield "The same as on the CPU? Differences over the largest number of their kind", head, checked
    if found["rows"]:
        head = [
            "", "environments", "members", "network", "steps/s", "rounds", "kernels a slot", "bytes a step",
            f"estimate for {settings['estimates_for']}", "measured / estimate", "memory MB",
        ]  # fmt: skip
        rows = sorted(found["rows"], key=lambda r: (r["what"], r["members"], r["envs"], _network(r)))
        yield "Three numbers: the environment alone, with inference, with training", head, [_speed(r) for r in rows]
    if found["compilation"]:
        head = ["", "network", "tracing s", "compilation s", "again: tracing s", "from the cache s"]
        names = ("lower_s", "compile_s", "cached_lower_s", "cached_s")
        body = [
            [r["case"], _network(r), *(f"{r[name]:.1f}" if name in r else "-" for name in names)]
            for r in found["compilation"]
        ]
        yield "Compilation", head, body
    if "beginning" in found:
        body = [[str(r["members"]), f"{r['first_s']:.1f}", f"{r['again_s']:.2f}"] for r in found["beginning"]]
        yield "The first state of a population", ["members", "with compilation s", "without s"], body
    gap = found.get("curves", {}).get("difference")
    if gap:
        body = [
            [
                f"{gap['difference']:+.4f}",
                f"{gap['lo']:+.4f} to {gap['hi']:+.4f}",
                str(gap["seeds"]),
                f"{gap['updates']:,}",
            ]
        ]
        head = ["reward in half precision less that in fp32", "95 % interval", "seeds", "updates"]
        yield "Learning in half precision: the last tenth of the curves, seed by seed", head, body
    for name, one in found.get("profile", {}).items():
        if "kernels" in one:
            body = [
                [k["name"][:80], str(k["count"]), f"{k['us']:,.0f}", f"{k['share']:.1%}"] for k in one["kernels"][:12]
            ]
            yield f"Largest kernels: {name}", ["kernel", "launches", "us", "share"], body
    if found["left_out"]:
        yield "Left out", ["", "why"], [[name, why] for name, why in found["left_out"].items()]


def _checked(found: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for level, one in found.get("episode", {}).get("levels", {}).items():
        where = next(iter(one["floats"]), "-")
        differ = str(sum(one["unequal"].values()))
        rows.append([f"an episode at {level}", differ, f"{one['worst']:.1e}", where, *_passed(found["episode"], one)])
    if "updates" in found:
        one = found["updates"]
        where = max(one["reported"], key=one["reported"].get, default="-")
        rows.append([f"{one['updates']} updates", "-", f"{one['worst']:.1e}", where, *_passed(one, one)])
    return rows


def _passed(part: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    good = one["worst"] <= part["tolerance"] and not one.get("unequal")
    return [f"{part['tolerance']:.0e}", "passed" if good else "FAILED"]


def _speed(row: Mapping[str, Any]) -> list[str]:
    counted = row["counted"]
    told = {"kernels_per_slot": ".1f", "bytes_per_step": ",.0f", "estimated_steps_per_s": ",.0f"}
    told["measured_over_estimated"] = ".2f"
    return [
        row["what"], f"{row['envs']:,}", f"{row['members']:,}", _network(row), f"{row['steps_per_s']:,.0f}",
        f"{row['min']:,.0f} to {row['max']:,.0f}",
        *(format(counted[name], form) if name in counted else "-" for name, form in told.items()),
        f"{row['memory_mb'].get('total', 0):,.0f}",
    ]  # fmt: skip


def _network(row: Mapping[str, Any]) -> str:
    # `fused`: a network in one kernel, which was tried for the record of an H100 and left out.
    return row["precision"] + ", fused" * row.get("fused", False)
