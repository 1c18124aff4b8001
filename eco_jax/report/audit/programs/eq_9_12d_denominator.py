from eco_jax.model.twin import discrepancy, discrepancy_printed

work, f = 1.0, 1.0
as_rate = discrepancy_printed(work, f, 1.2)  # f^ an estimate that is 20 % too high
as_deviation = discrepancy_printed(work, f, 0.2)  # f^ the excess itself
true = work / 1.2 - work / f
print(f"printed {as_rate:.3f} (as a deviation {as_deviation:+.3f}), true {true:.3f}")
assert abs(discrepancy(work, f, 1.2) - true) < 1e-6
assert abs(as_rate - true) > 0.07 and abs(as_deviation - true) > 0.07
