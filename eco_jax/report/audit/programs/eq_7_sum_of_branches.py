import jax.numpy as jnp
from eco_jax.model.latency import total_latency

beta = jnp.linspace(0.0, 1.0, 5)
home, away = 0.20, 0.12  # s, for the whole task
printed, parallel = (total_latency((1 - beta) * home, beta * away, 0.0, how) for how in ("sum", "max"))
print("beta      ", *(f"{x:.2f}" for x in beta))
print("as printed", *(f"{x:.2f}" for x in printed))
print("at once   ", *(f"{x:.2f}" for x in parallel))
assert printed[1:-1].min() > min(printed[0], printed[-1]) > parallel.min()
