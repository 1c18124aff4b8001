from eco_jax.model.energy import computing_energy_printed
from eco_jax.model.latency import computing_latency

C, f_j, f_i = 2.1e8, 2e9, 1e10  # cycles; device and server, cycles/s
local = computing_energy_printed(1.0, C, f_j, 0.0, 1.0)  # no power in it
edge = computing_energy_printed(1.0, C, f_i, 0.0, 1e-9)  # e_unit of 1 nJ a cycle
print(f"local energy {local:.3f}, local latency {computing_latency(1.0, C, f_j):.3f} s")
print(f"server: {C:.1e} cycles of 1 nJ are {C * 1e-9:.2f} J, as printed {edge:.1e}")
assert local == computing_latency(1.0, C, f_j) and edge < 1e-9 * C
