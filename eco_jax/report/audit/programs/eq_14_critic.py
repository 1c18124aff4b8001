import jax
import jax.numpy as jnp
from eco_jax.model.objective import expected_cost_printed, temporal_difference

L, E, QoE = jnp.array([0.2, 0.3, 0.5])  # of a policy
R, V = 0.0, 0.5  # a state's reward, after which all is over, and what the critic takes it for
of_14 = jax.grad(lambda V: expected_cost_printed(L, E, QoE, 1.0, 1.0, 1.0))(V)
of_line_9 = jax.grad(lambda V: temporal_difference(R, V, 0.0, 1.0) ** 2)(V)
print(f"gradient of the critic: {of_14:.0f} by (14), {of_line_9:.0f} by line 9 of Algorithm 1")
assert of_14 == 0.0 != of_line_9
