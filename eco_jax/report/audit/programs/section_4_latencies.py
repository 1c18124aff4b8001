from eco_jax.model.latency import computing_gap, computing_latency
from eco_jax.model.tasks import required_cycles

C = required_cycles(800.0 * 8000.0, 400.0, "kilobyte")  # the heaviest task
f, deviation = 1e9, 0.5e9  # a slow device, half its rate missing: assumptions
L = computing_latency(1.0, C, f) + computing_gap(1.0, C, f, deviation)  # (7) with all of it at home
print(f"latency by (7): {L * 1e3:.2f} ms; router 2 ms; request 150 ms and more")
assert L < 2e-3
