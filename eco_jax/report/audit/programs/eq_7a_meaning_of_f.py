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
