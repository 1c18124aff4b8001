from eco_jax.model.tasks import offloaded_bits, split

D = 5.6e6  # the task, bit
alpha, beta = split(0.6, True)  # alpha + pi beta = 1
low, high = 0.5 * D, 2.0 * D  # what the twin takes D for at first
for _ in range(60):
    low, high = (alpha * D + offloaded_bits(beta, twin) for twin in (low, high))

print(f"after 60 rounds the twin has {low / D:.2f} D from 0.50 D, {high / D:.2f} D from 2.00 D")
assert abs(low / D - 1.0) < 1e-3 and abs(high / D - 1.0) < 1e-3
