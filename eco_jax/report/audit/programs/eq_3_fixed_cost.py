from eco_jax.model.tasks import migration_cost, offloaded_bits

D, C_f = 6.4e6, 1e-8  # the task, bit; an assumption, s/bit
part, whole = (1e3 * migration_cost(True, offloaded_bits(beta, D), C_f) for beta in (0.25, 1.0))
print(f"the same move costs {part:.0f} ms with a quarter of the task, {whole:.0f} ms with all of it")
assert whole > 3.9 * part
