import numpy as np
from eco_jax.model.objective import cost

A, B = np.array([0.1, 0.3]), np.array([0.3, 0.1])  # latencies of users 1 and 2 under two policies, s
best = {}
for j in (0, 1):
    a, b = (cost(L[j], 0.2, 0.0, 1.0, 1.0, 1.0) for L in (A, B))  # the same energy, and the same sum of QoE
    best[j] = "A" if a < b else "B"
    print(f"(12a) with j = {j + 1}: policy A {a:.2f}, policy B {b:.2f}; {best[j]} is the best")

assert best[0] != best[1]
