from eco_jax.model.latency import computing_gap, computing_latency

C, f = 2.1e8, 1e10  # cycles; cycles/s, an assumption
time = computing_latency(1.0, C, f)
share, GHz = ((time + computing_gap(1.0, C, f, off)) / time for off in (0.5 * f, 0.5e9))
print(f"computing at 10 GHz takes {share:.2f} times as long by 0.5 of the rate, {GHz:.2f} times by 0.5 GHz")
assert share > 1.5 > GHz
