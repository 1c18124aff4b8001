from eco_jax.model.tasks import migration_cost, placement_holds_printed

bits, C_f = 5.6e6, 1e-8  # the task, all of it offloaded; s/bit, an assumption
holds = {}
for unit, size in (("bit", 1.0), ("Mbit", 1e6), ("Gbit", 1e9)):
    D, M_mig = bits / size, migration_cost(True, bits / size, C_f * size)  # 0.056 s in any unit
    holds[unit] = bool(placement_holds_printed(D, D, M_mig))

print(holds)
assert len(set(holds.values())) == 2
