import jax.numpy as jnp
from eco_jax.model.latency import computing_latency, edge_latency_printed
from eco_jax.model.radio import rate_printed

pi = jnp.array([1.0, 0.0])  # offloaded; done at home
R = rate_printed(20e6, 0.4, 150.0 * 10**-9.8, 1.0, 2e-12, 150.0, pi)
L = edge_latency_printed(computing_latency(pi, 2.1e5, 1e10), R)
print(f"offloaded: R = {R[0] / 1e6:.0f} Mbit/s, L_ij = {L[0]:.1e}")
print(f"at home: R = {R[1] / 1e6:.0f} Mbit/s, L_ij = {L[1]:.1e}")
assert jnp.isnan(L[1])
