import numpy as np
from eco_jax.env.topology import even_sites

radius, sites = 150.0, even_sites(45, 3000.0)  # m
most = 45 * np.pi * radius**2 / 3000.0**2
grid = np.arange(5.0, 3000.0, 10.0)
to_nearest = np.min([np.hypot(grid - x, grid[:, None] - y) for x, y in sites], axis=0)
print(f"covered: at most {most:.0%}, {np.mean(to_nearest <= radius):.0%} with even spacing")
print(f"from the farthest point to a server: {to_nearest.max():.0f} m")
assert np.mean(to_nearest <= radius) < 0.5 and to_nearest.max() > 2 * radius
