from eco_jax.model.latency import total_latency
from eco_jax.model.tasks import migration_cost

stay, move = 0.100, 0.099  # edge latency where the service is, and at another server, s
M_mig = migration_cost(True, 5.6e6, 1e-8)  # 700 KB at an assumed C_f, s/bit
printed = total_latency(0.0, move, 0.0, "sum") - total_latency(0.0, stay, 0.0, "sum")
paid = total_latency(0.0, move, M_mig, "sum") - total_latency(0.0, stay, 0.0, "sum")
print(f"moving changes latency by {printed * 1e3:.0f} ms as printed, by {paid * 1e3:+.0f} ms with M_mig")
assert printed < 0.0 < paid
