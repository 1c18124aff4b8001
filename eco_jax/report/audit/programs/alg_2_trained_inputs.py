import numpy as np

trained = np.array([0.7, -1.2, 0.4])  # of Algorithm 1
theta = trained  # Input
theta = np.random.default_rng(0).normal(size=3)  # Initialization
left = np.isclose(theta, trained)
print(f"trained parameters that are left: {left.sum()} of {left.size}")
assert not left.any()
