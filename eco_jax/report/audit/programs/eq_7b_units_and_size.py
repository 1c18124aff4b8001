from eco_jax.model.latency import computing_latency, edge_latency_printed

D, C = 5.6e6, 2.1e5  # 700 KB in bit; 300 cycles per kilobyte
R = 1.0  # bit/s: as good as no link
home = computing_latency(1.0, C, 2e9)  # a device of 2 GHz, a server of 10 GHz: assumptions
away = edge_latency_printed(computing_latency(1.0, C, 1e10), R)
print(f"as printed: {home * 1e6:.0f} us at home, {away * 1e6:.0f} us offloaded over 1 bit/s")
print(f"sending the data over it: {D / R / 86400:.0f} days")
assert away < home < D / R
