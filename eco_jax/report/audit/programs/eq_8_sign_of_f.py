from eco_jax.model.energy import computing_energy, computing_energy_printed
from eco_jax.model.latency import computing_gap, computing_latency

C, f, e_unit = 2.1e8, 1e10, 5.0  # cycles; cycles/s; W
for off in (0.0, 0.5):  # deviation f~ as a part of f
    time = computing_latency(1.0, C, f) + computing_gap(1.0, C, f, off * f)  # (7b) without its R
    energy = computing_energy_printed(1.0, C, f, off * f, e_unit)
    mJ = 1e3 * energy, 1e3 * e_unit * time
    print(f"f~ = {off} f: {time * 1e3:.0f} ms, {mJ[0]:.0f} mJ as printed, {mJ[1]:.0f} mJ by the time")

assert energy < computing_energy(1.0, C, f, e_unit) < e_unit * time
