"""Kernels and bytes of a program that XLA compiled for a GPU, counted in its text, and the time that they may take.

Every instruction that is left after XLA's fusion is one kernel, launched as often as the loops around it turn. A kernel
moves what it reads and what it writes: its operands and its result, but of an operand that it only slices the slices,
and of a buffer that it updates in place the update. Caches are left out: what one kernel writes and the next one reads
counts twice. Counts of one program are repeatable to the digit. The time is an estimate from them (`Card`).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

SIZES = {
    "pred": 1, "s8": 1, "u8": 1, "f8e4m3fn": 1, "f8e5m2": 1, "s16": 2, "u16": 2, "bf16": 2, "f16": 2, "s32": 4,
    "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16,
}  # fmt: skip
"""Bytes of an element; types that are not here (tokens) have none."""
FREE = {
    "parameter", "constant", "get-tuple-element", "tuple", "bitcast", "after-all", "partition-id", "replica-id",
    "opt-barrier", "optimization-barrier", "copy-done", "async-done", "async-update",
}  # fmt: skip
"""Instructions that launch nothing."""
VIEWS = ("bitcast", "reshape", "copy", "convert", "transpose")
"""Within a fusion: the same elements under another shape, layout or type."""
SLICES = ("dynamic-slice", "slice", "gather")
"""Within a fusion: some elements of the first operand."""


@dataclass(frozen=True)
class Card:
    """What a kernel's time is estimated from: its launch, or its bytes, whichever takes longer."""

    name: str
    bandwidth: float
    """of the memory, by the data sheet, bytes/s"""
    share: float
    """of it that a kernel reaches"""
    launch: float
    """least time from one kernel to the next, s"""
    overhead: float
    """of a kernel beside its bytes, s"""

    def seconds(self, moved: int) -> float:
        """Estimated time of one launch that moves so many bytes, s."""
        return max(self.launch, moved / (self.share * self.bandwidth) + self.overhead)


H100 = Card("NVIDIA H100 SXM", bandwidth=3.35e12, share=0.85, launch=2e-6, overhead=1e-6)
"""Bandwidth by the data sheet; the other three are assumed."""


class Instruction(NamedTuple):
    """One line of a computation."""

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    line: str
    root: bool

    def called(self, *attributes: str) -> list[str]:
        """Names of the computations under the first of these attributes that it has."""
        for attribute in attributes:
            found = re.search(rf"\b{attribute}=(\{{[^}}]*\}}|%?[\w.\-]+)", self.line)
            if found:
                return re.findall(r"[\w.\-]+", found[1].replace("%", ""))
        return []


class Kernel(NamedTuple):
    """A kernel of a program."""

    name: str
    """opcode, and where in the source it comes from"""
    moved: int
    """bytes of one launch"""
    times: int
    """launches in one run of the program"""


class Count(NamedTuple):
    """What one run of a program costs."""

    kernels: int
    """launches"""
    moved: int
    """bytes of device memory read and written"""
    seconds: float
    """estimated, on the card that was asked for"""


Computations = dict[str, dict[str, Instruction]]


def nbytes(shape: str) -> int:
    """Bytes of a shape as HLO writes it, `f32[16,30]{1,0}`; of a tuple all its parts together."""
    parts = re.findall(r"(\w+)\[([\d,]*)\]", shape)
    return sum(SIZES.get(kind, 0) * math.prod(int(n) for n in dims.split(",") if n) for kind, dims in parts)


def parse(text: str) -> tuple[Computations, str]:
    """Computation -> its instructions by name, and the name of the one where the program begins.

    Raises:
        ValueError: the text holds no such computation.
    """
    found: Computations = {}
    here: dict[str, Instruction] | None = None
    entry = ""
    for line in text.splitlines():
        head = re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{\s*$", line)
        if head:
            here = found.setdefault(head[2], {})
            entry = head[2] if head[1] else entry
        elif line.startswith("}"):
            here = None
        elif here is not None:
            instruction = _instruction(line)
            if instruction is not None:
                here[instruction.name] = instruction
    if not entry:
        raise ValueError("no computation is marked ENTRY: this is no compiled program")
    return found, entry


def _instruction(line: str) -> Instruction | None:
    line = re.sub(r"/\*.*?\*/", "", line.strip())
    head = re.match(r"(ROOT )?%?([\w.\-]+) = ", line)
    if head is None:
        return None
    rest = line[head.end() :]
    end = _closing(rest) if rest.startswith("(") else re.match(r"\S*", rest).end()  # type: ignore[union-attr]
    opcode = re.match(r" ([\w\-]+)(?=\()", rest[end:])
    if opcode is None:
        return None
    given = rest[end + opcode.end() :]
    operands = re.findall(r"%([\w.\-]+)", given[: _closing(given)])
    return Instruction(head[2], rest[:end], opcode[1], tuple(operands), line, bool(head[1]))


def _closing(text: str) -> int:
    """Where the parenthesis that the text begins with is closed."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place + 1
    return len(text)


def kernels(text: str) -> list[Kernel]:
    """All kernels of a program, from its text after compilation.

    Of a branch the cheaper side counts: in a training program the other one is the reset, once an episode. A loop whose
    turns XLA does not know counts as one.

    Raises:
        ValueError: see `parse`.
    """
    computations, entry = parse(text)
    return _kernels(computations, entry, 1)


def _kernels(computations: Computations, name: str, times: int) -> list[Kernel]:
    here = computations.get(name, {})
    found: list[Kernel] = []
    for one in here.values():
        if one.opcode in FREE:
            continue
        if one.opcode == "while":
            turns = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', one.line)
            for body in one.called("body"):
                found += _kernels(computations, body, times * (int(turns[1]) if turns else 1))
        elif one.opcode in ("call", "async-start"):
            for called in one.called("to_apply", "calls", "called_computations"):
                found += _kernels(computations, called, times)
        elif one.opcode == "conditional":
            names = one.called("branch_computations") or one.called("true_computation")
            names += one.called("false_computation")
            branches = [_kernels(computations, branch, times) for branch in names]
            found += min(branches, key=lambda branch: count(branch).seconds, default=[])
        else:
            found.append(Kernel(_label(one), _moved(computations, here, one), times))
    return found


def _label(one: Instruction) -> str:
    where = re.search(r'op_name="([^"]*)"', one.line)
    target = re.search(r'custom_call_target="([^"]*)"', one.line)
    return " ".join([target[1] if target else one.opcode, *([where[1][-100:]] if where else [])])


def _moved(computations: Computations, here: dict[str, Instruction], one: Instruction) -> int:
    """Bytes that one launch reads and writes."""
    given = [nbytes(here[name].shape) if name in here else 0 for name in one.operands]
    if one.opcode == "custom-call":
        return _written(one) + sum(given)
    if one.opcode == "copy-start":  # its result holds the operand, too
        return 2 * sum(given)
    if one.opcode in SLICES:
        return 2 * nbytes(one.shape)
    if one.opcode == "dynamic-update-slice":
        return 2 * given[1]
    if one.opcode == "fusion":
        for called in one.called("calls"):
            return _of_fusion(computations.get(called, {}), given, nbytes(one.shape))
    return nbytes(one.shape) + sum(given)


def _written(one: Instruction) -> int:
    """Bytes of a library call's result, without the memory that it works in."""
    if "__cublas" not in one.line and "__cudnn" not in one.line:
        return nbytes(one.shape)
    return nbytes(re.sub(r"\b[su]8\[[\d,]*\]", "", one.shape)) if one.shape.startswith("(") else nbytes(one.shape)


def _of_fusion(inside: dict[str, Instruction], given: list[int], out: int) -> int:
    """Bytes that a fusion reads and writes.

    Args:
        inside: its computation.
        given: bytes of its operands.
        out: bytes of its result.
    """
    users: dict[str, list[Instruction]] = {}
    for one in inside.values():
        for name in one.operands:
            users.setdefault(name, []).append(one)
    roots = [one for one in inside.values() if one.root]
    results = [inside[n] for one in roots for n in one.operands if n in inside] if _is(roots, "tuple") else roots
    moved = out
    in_place: set[str] = set()
    for result in results:
        update = _origin(inside, result)
        if update.opcode == "dynamic-update-slice":
            target, piece = (inside.get(name) for name in update.operands[:2])
            if target is not None and piece is not None:
                moved += nbytes(piece.shape) - nbytes(result.shape)
                in_place.add(_origin(inside, target).name)
    for number, size in enumerate(given):
        parameter = next(
            (p for p in inside.values() if p.opcode == "parameter" and f"parameter({number})" in p.line), None
        )
        if parameter is None:
            moved += size
        elif parameter.name not in in_place:
            moved += min(size, _read(users, parameter, size))
    return moved


def _is(roots: list[Instruction], opcode: str) -> bool:
    return len(roots) == 1 and roots[0].opcode == opcode


def _origin(inside: dict[str, Instruction], one: Instruction) -> Instruction:
    """What a view shows; itself of anything else."""
    while one.opcode in VIEWS and one.operands and one.operands[0] in inside:
        one = inside[one.operands[0]]
    return one


def _read(users: dict[str, list[Instruction]], one: Instruction, size: int) -> int:
    """Bytes that are read of a value: its slices where nothing else is taken of it, else all."""
    read = 0
    for user in users.get(one.name, []):
        if user.opcode in SLICES and user.operands[0] == one.name:
            read += nbytes(user.shape)
        elif user.opcode in VIEWS:
            read += _read(users, user, size)
        else:
            return size
    return read


def count(found: Iterable[Kernel], card: Card = H100) -> Count:
    """Launches and bytes of one run of a program with these kernels, and its estimated time on a card."""
    found = list(found)
    return Count(
        sum(kernel.times for kernel in found),
        sum(kernel.moved * kernel.times for kernel in found),
        sum(card.seconds(kernel.moved) * kernel.times for kernel in found),
    )


def largest(found: Iterable[Kernel], most: int = 12) -> list[tuple[str, int, int]]:
    """(name, launches, bytes) of the kernels that move most in one run, those of one name together."""
    launches: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for kernel in found:
        launches[kernel.name] += kernel.times
        moved[kernel.name] += kernel.moved * kernel.times
    return [(name, launches[name], total) for name, total in moved.most_common(most)]
