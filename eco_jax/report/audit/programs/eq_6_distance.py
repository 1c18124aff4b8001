import jax.numpy as jnp
from eco_jax.model.radio import path_gain, rate, rate_printed

B, p, s, noise = 20e6, 0.4, 1.0, 2e-12  # Hz, W, no fading, W
d = jnp.array([75.0, 150.0])  # m
gamma = path_gain(d, 10**-9.8, 150.0, 3.5)  # exponent 3.5, an assumption
metres, feet = (rate_printed(B, p, gamma, s, noise, d / unit, 1.0) for unit in (1.0, 0.3048))
true, printed = (2.0 ** (R / B) - 1.0 for R in (rate(B, p, gamma, s, noise), metres))  # SNR
gain, printed_gain = true[0] / true[1], printed[0] / printed[1]
print(f"SNR at half the distance: x {gain:.1f} by gamma, x {printed_gain:.1f} as printed")
print(f"the same link: {metres[1] / 1e6:.1f} Mbit/s with d in metres, {feet[1] / 1e6:.1f} with d in feet")
assert printed_gain > 1.9 * gain and metres[1] > 2.0 * feet[1]
