import jax.numpy as jnp
from eco_jax.model.objective import cost, expected_cost_printed

good, bad = jnp.array([0.1, 0.2, 0.9]), jnp.array([1.0, 2.0, 0.0])  # L, E, QoE
for name, result in (("good", good), ("bad", bad)):
    a, b = cost(*result, 1.0, 1.0, 1.0), expected_cost_printed(*result, 1.0, 1.0, 1.0)
    print(f"{name}: (12a) {a:+.1f}, (14) {b:+.1f}, both to be minimised")

assert cost(*good, 1.0, 1.0, 1.0) < cost(*bad, 1.0, 1.0, 1.0)
assert expected_cost_printed(*bad, 1.0, 1.0, 1.0) < expected_cost_printed(*good, 1.0, 1.0, 1.0)
