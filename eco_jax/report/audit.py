"""The paper audited: every printed equation or number that does not hold up, with a counterexample to execute.

The paper is "EcoEdgeTwin" (arXiv 2405.06507). Equations carry its numbers; (7a) and (7b) are the local and the edge
terms that it prints, without a number, before Eq. (7). All statements are about the equations as printed, not about
its figures, for which no code is published. Where a charitable reading exists, the finding says so.

Where a snippet needs what the paper does not print (CPU rates, the unit of C_f), it takes an example.
"""

import contextlib
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A printed equation or number that does not hold up. All fields are plain text."""

    equation: str
    """what it is about, e.g. "Eq. (6), distance"; no two findings share it"""
    printed: str
    """what the paper prints"""
    problem: str
    """what is wrong with it, and the charitable reading if there is one"""
    snippet: str
    """a program of its own that prints the contradicting numbers and asserts the contradiction"""
    shows: str
    """what the snippet prints, without the last newline"""
    repaired: str
    """what the `repaired` reading does instead"""


FINDINGS: tuple[Finding, ...] = (
    Finding(
        equation="Eq. (3), sum over users",
        printed="M_mig,j = Σ_{M_j ∈ ℳ} h_j T_ij C_f",
        problem=(
            "The left side is one user's cost and the right side a sum over all users: everyone is charged for "
            "everyone, also who does not migrate. Read as the total of the system, without the index j, it is well "
            "formed, but the task and the state list it for each user. The twin's 𝒟_M_mig,j is printed with the same "
            "sum."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.tasks import migration_cost, migration_cost_printed

h = jnp.array([True, False, False])  # only the first of three users migrates
T = jnp.array([5.6e6, 5.6e6, 0.0])  # offloaded, bit: nothing by the third
C_f = 1e-8  # s/bit, an assumption
printed = migration_cost_printed(h, T, C_f)  # summed over j: the same for every j
own = migration_cost(h, T, C_f)[2]
print(f"M_mig of the third user: {printed:.3f} s as printed, {own:.3f} s by its own h, T")
assert own == 0.0 < printed
""",
        shows="M_mig of the third user: 0.056 s as printed, 0.000 s by its own h, T",
        repaired="M_mig,j = h_j T_ij C_f, each user's own, in seconds.",
    ),
    Finding(
        equation="Eqs. (5), (12b), units",
        printed="D_j, 𝒟_D,j ≤ M_mig,j",
        problem=(
            "Data are compared with a cost of migration, so that the unit of the data decides whether the inequality "
            "holds. If C_f is a pure number instead, both sides are data, and (the sum of Eq. (3) aside) C_f ≥ 1 is "
            "needed for anyone to satisfy it. Either way no caching decision occurs in what is called the caching "
            "scheme."
        ),
        snippet="""\
from eco_jax.model.tasks import migration_cost, placement_holds_printed

bits, C_f = 5.6e6, 1e-8  # the task, all of it offloaded; s/bit, an assumption
holds = {}
for unit, size in (("bit", 1.0), ("Mbit", 1e6), ("Gbit", 1e9)):
    D, M_mig = bits / size, migration_cost(True, bits / size, C_f * size)  # 0.056 s in any unit
    holds[unit] = bool(placement_holds_printed(D, D, M_mig))

print(holds)
assert len(set(holds.values())) == 2
""",
        shows="{'bit': False, 'Mbit': False, 'Gbit': True}",
        repaired=(
            "A replica may be placed if shipping the service ahead takes at most as long as the migration that the "
            "twin expects: c_store S_j ≤ ĥ_j T_ij (C_f + C̃_f), seconds on both sides, and if the server has room."
        ),
    ),
    Finding(
        equation="Eqs. (5), (12b), feasibility",
        printed="subject to D_j, 𝒟_D,j ≤ M_mig,j for all users and servers",
        problem=(
            "Where nobody migrates all h_j = 0, hence M_mig,j = 0, and every task with any data breaks the "
            "constraint, whatever C_f and its unit: problem (12) is infeasible in such a slot. Charitably it is a "
            "rule for when to cache, but it is printed as a constraint."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.tasks import migration_cost_printed, placement_holds_printed

D = jnp.array([4.8e6, 5.6e6, 6.4e6])  # three users' tasks, bit, all offloaded
h = jnp.array([False, False, False])  # nobody migrates
for C_f in (1e-8, 1.0, 1e8):
    holds = placement_holds_printed(D, D, migration_cost_printed(h, D, C_f))
    print(f"C_f = {C_f:g}: holds for {holds.sum()} of {holds.size} users")

assert not holds.any()
""",
        shows="""\
C_f = 1e-08: holds for 0 of 3 users
C_f = 1: holds for 0 of 3 users
C_f = 1e+08: holds for 0 of 3 users""",
        repaired=(
            "The inequality decides whether a requested replica is placed, and constrains nothing else: where no "
            "migration is expected nothing is placed, and any offloading is allowed."
        ),
    ),
    Finding(
        equation="Eq. (6), distance",
        printed="R_ij = B log₂(1 + π_ij p_j |ρ_ij|² / (d_ij σ_i²)), ρ_ij = √(γ_ij s_ij), γ_ij the path loss",
        problem=(
            "The coefficient ρ holds the large-scale fading already, and d_ij divides it once more: the SNR falls by "
            "one power of the distance too many, and the rate depends on the unit of length. If γ is a constant "
            "instead, distance counts once, but with exponent 1, below the 2 of free space."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.radio import path_gain, rate, rate_printed

B, p, s, noise = 20e6, 0.4, 1.0, 2e-12  # Hz, W, no fading, W
d = jnp.array([75.0, 150.0])  # m
gamma = path_gain(d, 10**-9.8, 150.0, 3.5)  # exponent 3.5, an assumption
metres, feet = (rate_printed(B, p, gamma, s, noise, d / unit, 1.0) for unit in (1.0, 0.3048))
true, printed = (2.0 ** (R / B) - 1.0 for R in (rate(B, p, gamma, s, noise), metres))  # SNR
gain, printed_gain = true[0] / true[1], printed[0] / printed[1]
print(f"SNR at half the distance: x {gain:.1f} by gamma, x {printed_gain:.1f} as printed")
print(f"the same link: {metres[1] / 1e6:.1f} Mbit/s with d in metres, {feet[1] / 1e6:.1f} with d in feet")
assert printed_gain > 1.9 * gain and metres[1] > 2.0 * feet[1]
""",
        shows="""\
SNR at half the distance: x 11.3 by gamma, x 22.6 as printed
the same link: 5.5 Mbit/s with d in metres, 1.8 with d in feet""",
        repaired="R = B log₂(1 + p γ(d) s / σ²): distance counts once, in the path loss γ(d).",
    ),
    Finding(
        equation="Eqs. (6), (7b), local tasks",
        printed="R_ij = B log₂(1 + π_ij …) and L_ij = π_ij β_ij C_et,j / (R_ij f_i)",
        problem=(
            "With π_ij = 0 the rate is zero too, and L_ij is 0/0. A task done wholly at home has π_ij = 0 for every "
            "server, so that its latency (7) is undefined. Charitably, terms with π_ij = 0 are left out; then the "
            "π_ij in the logarithm is superfluous."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.latency import computing_latency, edge_latency_printed
from eco_jax.model.radio import rate_printed

pi = jnp.array([1.0, 0.0])  # offloaded; done at home
R = rate_printed(20e6, 0.4, 150.0 * 10**-9.8, 1.0, 2e-12, 150.0, pi)
L = edge_latency_printed(computing_latency(pi, 2.1e5, 1e10), R)
print(f"offloaded: R = {R[0] / 1e6:.0f} Mbit/s, L_ij = {L[0]:.1e}")
print(f"at home: R = {R[1] / 1e6:.0f} Mbit/s, L_ij = {L[1]:.1e}")
assert jnp.isnan(L[1])
""",
        shows="""\
offloaded: R = 101 Mbit/s, L_ij = 2.1e-13
at home: R = 0 Mbit/s, L_ij = nan""",
        repaired="R without π; the edge terms of a local task are zero.",
    ),
    Finding(
        equation="Eq. (7a), meaning of f̃",
        printed=(
            "ΔL_j¹ = α_j C_et,j f̃_j / (f_j (f_j − f̃_j)), where f̃_j is “the estimated processing capability”; for "
            "servers likewise"
        ),
        problem=(
            "With f̃ as the capability that the twin estimates, a perfect twin (f̃ = f) has an infinite gap. The "
            "formula is exact if f̃ is the deviation from f, which is how the paper introduces it, and what it calls "
            "f̃ beside Eq. (8) and at the state space; one symbol is given two meanings."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.latency import computing_gap

C, f = 2.1e8, 2e9  # cycles; cycles/s
estimate = f * jnp.array([0.8, 1.0, 1.25])  # what the twin takes f for: too low, right, too high
printed = computing_gap(1.0, C, f, estimate)
true = abs(C / estimate - C / f)
print("f~ / f            0.80   1.00   1.25")
print("gap as printed ", *(f"{x:6.3f}" for x in printed))
print("size of the gap", *(f"{x:6.3f}" for x in true))
assert true[1] < 1e-6 and jnp.isinf(printed[1])
""",
        shows="""\
f~ / f            0.80   1.00   1.25
gap as printed   0.420    inf -0.525
size of the gap  0.026  0.000  0.021""",
        repaired="f̃ = δ f is the deviation: the actual rate is f − f̃, and C/f + ΔL = C/(f − f̃) exactly.",
    ),
    Finding(
        equation="Eq. (7b), units and size",
        printed="L_ij = π_ij β_ij C_et,j / (R_ij f_i), and ΔL_ij likewise divided by R_ij",
        problem=(
            "Cycles over bit/s and cycles/s are s²/bit, not seconds, and some 1e-13 of them at 100 Mbit/s: offloading "
            "is free, and the data that have to be sent do not occur. Charitably the sum of transfer and computing, β "
            "D/R + β C/f, was meant."
        ),
        snippet="""\
from eco_jax.model.latency import computing_latency, edge_latency_printed

D, C = 5.6e6, 2.1e5  # 700 KB in bit; 300 cycles per kilobyte
R = 1.0  # bit/s: as good as no link
home = computing_latency(1.0, C, 2e9)  # a device of 2 GHz, a server of 10 GHz: assumptions
away = edge_latency_printed(computing_latency(1.0, C, 1e10), R)
print(f"as printed: {home * 1e6:.0f} us at home, {away * 1e6:.0f} us offloaded over 1 bit/s")
print(f"sending the data over it: {D / R / 86400:.0f} days")
assert away < home < D / R
""",
        shows="""\
as printed: 105 us at home, 21 us offloaded over 1 bit/s
sending the data over it: 65 days""",
        repaired=(
            "Upload β D/R, computing at the actual rate under the server's load, queuing in routers, backhaul and the "
            "way back of the result: a sum of seconds."
        ),
    ),
    Finding(
        equation="Eq. (7), sum of branches",
        printed="L_j = L_j¹ + ΔL_j¹ + L_ij + ΔL_ij",
        problem=(
            "The terms are linear in β (α = 1 − β), so that the sum is least at an end: splitting a task never brings "
            "its latency below the better of all at home and all offloaded. The sum is right where the device and the "
            "server work one after the other; splitting pays because they can work at once."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.latency import total_latency

beta = jnp.linspace(0.0, 1.0, 5)
home, away = 0.20, 0.12  # s, for the whole task
printed, parallel = (total_latency((1 - beta) * home, beta * away, 0.0, how) for how in ("sum", "max"))
print("beta      ", *(f"{x:.2f}" for x in beta))
print("as printed", *(f"{x:.2f}" for x in printed))
print("at once   ", *(f"{x:.2f}" for x in parallel))
assert printed[1:-1].min() > min(printed[0], printed[-1]) > parallel.min()
""",
        shows="""\
beta       0.00 0.25 0.50 0.75 1.00
as printed 0.20 0.18 0.16 0.14 0.12
at once    0.20 0.15 0.10 0.09 0.12""",
        repaired="L = max(local branch, edge branch) + M_mig.",
    ),
    Finding(
        equation="Eq. (7), migration",
        printed="L_j = L_j¹ + ΔL_j¹ + L_ij + ΔL_ij, without M_mig,j",
        problem=(
            "M_mig,j occurs in none of (7), (8) and (10), so not in the objective (12a), which is said to consider "
            "“service migration cost”: it pays to move for the sake of 1 ms where moving takes 56 ms. Charitably it "
            "is a part of C_st in (10), for which no formula is given."
        ),
        snippet="""\
from eco_jax.model.latency import total_latency
from eco_jax.model.tasks import migration_cost

stay, move = 0.100, 0.099  # edge latency where the service is, and at another server, s
M_mig = migration_cost(True, 5.6e6, 1e-8)  # 700 KB at an assumed C_f, s/bit
printed = total_latency(0.0, move, 0.0, "sum") - total_latency(0.0, stay, 0.0, "sum")
paid = total_latency(0.0, move, M_mig, "sum") - total_latency(0.0, stay, 0.0, "sum")
print(f"moving changes latency by {printed * 1e3:.0f} ms as printed, by {paid * 1e3:+.0f} ms with M_mig")
assert printed < 0.0 < paid
""",
        shows="moving changes latency by -1 ms as printed, by +55 ms with M_mig",
        repaired="M_mig is added to the latency, e_mig M_mig to the energy, and a migration has a price in C_st.",
    ),
    Finding(
        equation="Eq. (8), sign of f̃",
        printed="energy λ_T,ij e_unit / (f_i + f̃_i), where the latency (7b) has f_i − f̃_i",
        problem=(
            "The deviation that makes computing slower in (7b) makes it cheaper in (8), whose energy is inverse to "
            "the rate. With f̃ of the opposite sign (8) is right and (7b) wrong: no convention makes both right. The "
            "device's terms in (7a) and (8) differ in the same way."
        ),
        snippet="""\
from eco_jax.model.energy import computing_energy, computing_energy_printed
from eco_jax.model.latency import computing_gap, computing_latency

C, f, e_unit = 2.1e8, 1e10, 5.0  # cycles; cycles/s; W
for off in (0.0, 0.5):  # deviation f~ as a part of f
    time = computing_latency(1.0, C, f) + computing_gap(1.0, C, f, off * f)  # (7b) without its R
    energy = computing_energy_printed(1.0, C, f, off * f, e_unit)
    mJ = 1e3 * energy, 1e3 * e_unit * time
    print(f"f~ = {off} f: {time * 1e3:.0f} ms, {mJ[0]:.0f} mJ as printed, {mJ[1]:.0f} mJ by the time")

assert energy < computing_energy(1.0, C, f, e_unit) < e_unit * time
""",
        shows="""\
f~ = 0.0 f: 21 ms, 105 mJ as printed, 105 mJ by the time
f~ = 0.5 f: 42 ms, 70 mJ as printed, 210 mJ by the time""",
        repaired="Energy is power times time at the same actual rate f − f̃ as in the latency.",
    ),
    Finding(
        equation="Eq. (8), units",
        printed=(
            "λ_T,ij e_unit / (f_i + f̃_i) + α_j C_et,j / (f_j + f̃_j) + …, e_unit the “energy consumption per unit of "
            "computation”"
        ),
        problem=(
            "The local term, cycles over cycles/s, is a time among energies. With e_unit as defined λ e_unit is the "
            "energy already, and dividing it by a rate leaves something else; if the unit of computation is a second "
            "of CPU time, e_unit is a power and the server's term right. For E_comm, E_up and E_down there is no "
            "formula at all."
        ),
        snippet="""\
from eco_jax.model.energy import computing_energy_printed
from eco_jax.model.latency import computing_latency

C, f_j, f_i = 2.1e8, 2e9, 1e10  # cycles; device and server, cycles/s
local = computing_energy_printed(1.0, C, f_j, 0.0, 1.0)  # no power in it
edge = computing_energy_printed(1.0, C, f_i, 0.0, 1e-9)  # e_unit of 1 nJ a cycle
print(f"local energy {local:.3f}, local latency {computing_latency(1.0, C, f_j):.3f} s")
print(f"server: {C:.1e} cycles of 1 nJ are {C * 1e-9:.2f} J, as printed {edge:.1e}")
assert local == computing_latency(1.0, C, f_j) and edge < 1e-9 * C
""",
        shows="""\
local energy 0.105, local latency 0.105 s
server: 2.1e+08 cycles of 1 nJ are 0.21 J, as printed 2.1e-11""",
        repaired=(
            "Every term of computing and radio is a power times a time, in J: e_unit is the server's power, e_loc the "
            "device's."
        ),
    ),
    Finding(
        equation="Eqs. (9), (12d), denominator",
        printed="G_ij = −λ_T,ij (f̂_i − f_i) / (f_i (f_i + f̂_i))",
        problem=(
            "The effect of the estimate on the computing time, λ/f̂ − λ/f, has f f̂ below; near a perfect twin the "
            "printed form is half of it, and with f̂ as a deviation it is wrong as well. Sign and zero are right, so "
            "that it may serve as an index; but G occurs in no other equation, and as a constraint (12d) restricts "
            "nothing."
        ),
        snippet="""\
from eco_jax.model.twin import discrepancy, discrepancy_printed

work, f = 1.0, 1.0
as_rate = discrepancy_printed(work, f, 1.2)  # f^ an estimate that is 20 % too high
as_deviation = discrepancy_printed(work, f, 0.2)  # f^ the excess itself
true = work / 1.2 - work / f
print(f"printed {as_rate:.3f} (as a deviation {as_deviation:+.3f}), true {true:.3f}")
assert abs(discrepancy(work, f, 1.2) - true) < 1e-6
assert abs(as_rate - true) > 0.07 and abs(as_deviation - true) > 0.07
""",
        shows="printed -0.091 (as a deviation +0.667), true -0.167",
        repaired="The exact form, −λ δf / (f (f + δf)) with δf = f̂ − f, as a reported diagnostic.",
    ),
    Finding(
        equation="Eq. (10), C_et for C_st",
        printed="S_j(B_j, C_st,j) = (B_j − C_st,j) / B_j in the equation, S_j(B_j, C_et,j) in the text below it",
        problem=(
            "C_et,j is the number of CPU cycles that the task needs, not the cost C_st,j: taken at its word, the text "
            "makes QoE a huge negative number, or with a budget in cycles the savings the same for all decisions. It "
            "is a slip of the text; the equation has C_st."
        ),
        snippet="""\
from eco_jax.model.qoe import qoe, savings_printed

B, C_st, C_et = 1.0, 0.4, 2.1e8  # budget; cost, in its unit; cycles
equation, text = (qoe(1.0, savings_printed(B, C), 0.7, 0.3) for C in (C_st, C_et))
print(f"QoE at full satisfaction: {equation:.2f} with C_st, {text:.1e} with C_et")
assert text < 0.0 < equation < 1.0
""",
        shows="QoE at full satisfaction: 0.88 with C_st, -6.3e+07 with C_et",
        repaired="C_st = edge price · β + migration price · h, and the score is clipped to [0, 1].",
    ),
    Finding(
        equation="Eq. (12c), order of tasks",
        printed="𝒪_m ≤ 𝒪_ij(D_j, 𝒟_D,j, C_et,j, 𝒟_C_et,j, L_j, 𝒟_L,j, M_mig,j, 𝒟_M_mig,j), 𝒪_m the “minimum task”",
        problem=(
            "A task is a tuple of eight, and “≤” is not defined for tuples. Component by component, a task that is "
            "large enough becomes inadmissible by being served sooner than the minimum task. Charitably a least "
            "amount of data was meant."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.tasks import large_enough

minimum = jnp.array([4.8e6, 1.2e8, 0.10, 0.0])  # D in bit, C in cycles, L and M_mig in s
late = jnp.array([6.4e6, 1.6e8, 0.20, 0.0])
soon = jnp.array([6.4e6, 1.6e8, 0.05, 0.0])  # the same task, served sooner
allowed = [bool((minimum <= task).all()) for task in (late, soon)]
print(f"late: {allowed[0]}, soon: {allowed[1]}")
assert allowed == [True, False] and large_enough(soon[0], minimum[0])
""",
        shows="late: True, soon: False",
        repaired="A task with less data than a minimum is not offloaded; nothing else of it is compared.",
    ),
    Finding(
        equation="Eqs. (12a), (13), sign of QoE",
        printed="min (w₁ L + w₂ E) − w₃ Σ U(QoE) in (12a), but reward −(w₁ L + w₂ E) − w₃ Σ U(QoE) in (13)",
        problem=(
            "At equal latency and energy the reward (13), which is maximised, falls as QoE rises, while (12a) asks "
            "for high QoE: bad service is rewarded. With U decreasing (13) would be right and (12a) wrong; they agree "
            "only where w₃ Σ U = 0."
        ),
        snippet="""\
from eco_jax.model.objective import cost, reward, reward_printed

L, E, w = 0.2, 0.3, (1.0, 1.0, 1.0)
good, bad = 1.0, 0.0  # QoE
for name, QoE in (("good", good), ("bad", bad)):
    a, b = cost(L, E, QoE, *w), reward_printed(L, E, QoE, *w)
    print(f"{name} QoE: (12a) {a:+.1f}, to be minimised; (13) {b:+.1f}, to be maximised")

assert cost(L, E, good, *w) < cost(L, E, bad, *w)
assert reward_printed(L, E, good, *w) < reward_printed(L, E, bad, *w)
assert reward(L, E, good, *w) == -cost(L, E, good, *w)
""",
        shows="""\
good QoE: (12a) -0.5, to be minimised; (13) -1.5, to be maximised
bad QoE: (12a) +0.5, to be minimised; (13) -0.5, to be maximised""",
        repaired=(
            "R = −(w₁ L + w₂ E) + w₃ QoE, which is minus the objective (12a), for each user; the team's is the mean."
        ),
    ),
    Finding(
        equation="Eq. (14), extra minus",
        printed="min over θ^π, θ^V of 𝔼_π[−(w₁ L_j + w₂ E_ij − w₃ Σ U(QoE_j))]",
        problem=(
            "The bracket is minus what (12a) minimises, and is minimised as well: the least value of (14) belongs to "
            "the worst policy. With max for min it is right, and its bracket, unlike (13), is minus (12a)."
        ),
        snippet="""\
import jax.numpy as jnp
from eco_jax.model.objective import cost, expected_cost_printed

good, bad = jnp.array([0.1, 0.2, 0.9]), jnp.array([1.0, 2.0, 0.0])  # L, E, QoE
for name, result in (("good", good), ("bad", bad)):
    a, b = cost(*result, 1.0, 1.0, 1.0), expected_cost_printed(*result, 1.0, 1.0, 1.0)
    print(f"{name}: (12a) {a:+.1f}, (14) {b:+.1f}, both to be minimised")

assert cost(*good, 1.0, 1.0, 1.0) < cost(*bad, 1.0, 1.0, 1.0)
assert expected_cost_printed(*bad, 1.0, 1.0, 1.0) < expected_cost_printed(*good, 1.0, 1.0, 1.0)
""",
        shows="""\
good: (12a) -0.6, (14) +0.6, both to be minimised
bad: (12a) +3.0, (14) -3.0, both to be minimised""",
        repaired="The mean of (12a) is minimised, which is minus the mean reward.",
    ),
    Finding(
        equation="Alg. 1 line 7, Alg. 2 line 7, discount",
        printed="Â_t = R_{t+1} + w₃ V(S_{t+1}) − V(S_t), with the weight w₃ of QoE in (13)",
        problem=(
            "The weight of QoE stands where the discount belongs, on an episode's last step too: at w₃ ≥ 1 the value "
            "of a constant reward (not 0) has no bound, and weighting QoE more lengthens the horizon. A w₃ below 1 is "
            "a valid discount, though tied to the weight; the paper prints no value."
        ),
        snippet="""\
from eco_jax.model.objective import temporal_difference

grows = {}
for w3 in (0.9, 1.0, 1.1):
    V = [0.0]  # of a state that leads to itself with reward 1, update by update
    for _ in range(1000):
        V.append(V[-1] + temporal_difference(1.0, V[-1], V[-1], w3))
    print(f"w3 = {w3}: V = {V[100]:.4g} after 100 updates, {V[1000]:.4g} after 1000")
    grows[w3] = V[1000] > 9.0 * V[100]

assert grows == {0.9: False, 1.0: True, 1.1: True}
""",
        shows="""\
w3 = 0.9: V = 10 after 100 updates, 10 after 1000
w3 = 1.0: V = 100 after 100 updates, 1000 after 1000
w3 = 1.1: V = 1.378e+05 after 100 updates, 2.47e+42 after 1000""",
        repaired="A discount of its own, γ = 0.9; the time limit truncates and never terminates.",
    ),
    Finding(
        equation="Alg. 1 line 9, Alg. 2 line 8, gradient",
        printed="θ_critic ← θ_critic − α_critic ∇_θ (Â_t)², where Â_t holds V(S_{t+1}) as well as V(S_t)",
        problem=(
            "As printed the gradient runs through V(S′) too, and where the next state is random what it converges to "
            "is not the value function. Most implementations stop that gradient, and then the values are right; where "
            "the next state is certain, and the critic can represent the values, both ways lead to them."
        ),
        snippet="""\
import jax
import jax.numpy as jnp
from eco_jax.model.objective import temporal_difference

now, then = jnp.array([0, 0, 1, 2]), jnp.array([1, 2, 3, 3])  # A to B or C, evenly; B and C to the end
R = jnp.array([0.0, 0.0, 1.0, 0.0])  # B ends with reward 1, C with 0
V_of = lambda v, state: jnp.append(v, 0.0)[state]  # the end is worth 0
loss = lambda v: jnp.mean(temporal_difference(R, V_of(v, now), V_of(v, then), 1.0) ** 2)
v = jax.lax.fori_loop(0, 1000, lambda _, v: v - 0.5 * jax.grad(loss)(v), jnp.zeros(3))
print("V of A, B, C:", *(f"{x:.2f}" for x in v), "where the true values are 0.50 1.00 0.00")
assert abs(v[1] - 1.0) > 0.2 and abs(v[2] - 0.0) > 0.2
""",
        shows="V of A, B, C: 0.50 0.75 0.25 where the true values are 0.50 1.00 0.00",
        repaired="Semi-gradient: V(S′) is a constant target.",
    ),
    Finding(
        equation="Section IV, task density",
        printed="“200 to 400 CPU cycles per kilobyte of data”, 600 to 800 kilobytes",
        problem=(
            "The heaviest task is 320,000 cycles, 0.32 ms on a device of 1 GHz: no link of 20 MHz could send it away "
            "in that time, and the router's 2 ms alone are longer. So offloading pays only because (7b) has no "
            "transfer in it. Per byte it takes that device 0.32 s, against 64 ms to send it at 100 Mbit/s, and there "
            "is something to decide."
        ),
        snippet="""\
from eco_jax.model.tasks import required_cycles

D = 800.0 * 8000.0  # the largest task, bit
C = required_cycles(D, 400.0, "kilobyte")
home = C / 1e9  # s, on a device of 1 GHz
needed = D / home / 20e6  # to send it in that time over 20 MHz
print(f"{C:.0f} cycles: {home * 1e3:.2f} ms at 1 GHz; sending takes as long at {needed:.0f} bit/s/Hz")
assert home < 2e-3 and needed > 100.0
""",
        shows="320000 cycles: 0.32 ms at 1 GHz; sending takes as long at 1000 bit/s/Hz",
        repaired="Cycles per byte. It is a setting, and the `printed` reading keeps the kilobyte.",
    ),
    Finding(
        equation="Section IV, latencies without a symbol",
        printed=(
            "“a router queuing latency of 2 milliseconds and a task request latency ranging from 150 to 250 "
            "milliseconds”"
        ),
        problem=(
            "Neither occurs in an equation by name, and the latencies that the equations give are small beside them: "
            "the heaviest task on a slow device takes less time than one router's queue. Charitably the request "
            "latency is L_max of (11), which is given no other value."
        ),
        snippet="""\
from eco_jax.model.latency import computing_gap, computing_latency
from eco_jax.model.tasks import required_cycles

C = required_cycles(800.0 * 8000.0, 400.0, "kilobyte")  # the heaviest task
f, deviation = 1e9, 0.5e9  # a slow device, half its rate missing: assumptions
L = computing_latency(1.0, C, f) + computing_gap(1.0, C, f, deviation)  # (7) with all of it at home
print(f"latency by (7): {L * 1e3:.2f} ms; router 2 ms; request 150 ms and more")
assert L < 2e-3
""",
        shows="latency by (7): 0.64 ms; router 2 ms; request 150 ms and more",
        repaired="t_q is added per hop of an offloaded task, and the request latency is the task's L_max,j in (11).",
    ),
    Finding(
        equation="Section IV, coverage",
        printed="45 servers on 9 km², “spread evenly”; “Each edge server covers a radius of 0.15 kilometers”",
        problem=(
            "Together 45 discs of radius 150 m cover at most 35 % of the area. No equation says what a user outside "
            "them does, and (6) gives one a rate all the same. Servers placed where the users gather could cover more "
            "of the users, but they are said to be spread evenly."
        ),
        snippet="""\
import numpy as np
from eco_jax.env.topology import even_sites

radius, sites = 150.0, even_sites(45, 3000.0)  # m
most = 45 * np.pi * radius**2 / 3000.0**2
grid = np.arange(5.0, 3000.0, 10.0)
to_nearest = np.min([np.hypot(grid - x, grid[:, None] - y) for x, y in sites], axis=0)
print(f"covered: at most {most:.0%}, {np.mean(to_nearest <= radius):.0%} with even spacing")
print(f"from the farthest point to a server: {to_nearest.max():.0f} m")
assert np.mean(to_nearest <= radius) < 0.5 and to_nearest.max() > 2 * radius
""",
        shows="""\
covered: at most 35%, 35% with even spacing
from the farthest point to a server: 323 m""",
        repaired=(
            "A setting: `soft` coverage (default), where the link degrades with distance, or `hard`, where there is "
            "no offloading beyond the radius."
        ),
    ),
)


def run(finding: Finding) -> str:
    """What the finding's snippet prints, without the last newline; it runs in a namespace of its own.

    Raises:
        AssertionError: the contradiction is not there.
    """
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(finding.snippet, f"<{finding.equation}>", "exec"), {"__name__": "__main__"})
    return out.getvalue().removesuffix("\n")


def markdown() -> str:
    """All findings as a Markdown document, a section each."""
    intro = (
        "# The paper audited\n\nWhat does not hold up in the equations and numbers as printed, each with a "
        "counterexample to paste into an interpreter. It shows what stands below it, or fails."
    )
    return "\n\n".join([intro, *map(_section, FINDINGS)]) + "\n"


def _section(finding: Finding) -> str:
    return "\n\n".join(
        [
            f"## {finding.equation}",
            f"Printed:\n\n```text\n{finding.printed}\n```",
            finding.problem,
            f"```python\n{finding.snippet}```",
            f"It prints\n\n```text\n{finding.shows}\n```",
            f"Repaired: {finding.repaired}",
        ]
    )
