from eco_jax.model.tasks import required_cycles

D = 800.0 * 8000.0  # the largest task, bit
C = required_cycles(D, 400.0, "kilobyte")
home = C / 1e9  # s, on a device of 1 GHz
needed = D / home / 20e6  # to send it in that time over 20 MHz
print(f"{C:.0f} cycles: {home * 1e3:.2f} ms at 1 GHz; sending takes as long at {needed:.0f} bit/s/Hz")
assert home < 2e-3 and needed > 100.0
