from eco_jax.model.objective import temporal_difference

grows = {}
for w3 in (0.9, 1.0, 1.1):
    V = [0.0]  # of a state that leads to itself with reward 1, update by update
    for _ in range(1000):
        V.append(V[-1] + temporal_difference(1.0, V[-1], V[-1], w3))
    print(f"w3 = {w3}: V = {V[100]:.4g} after 100 updates, {V[1000]:.4g} after 1000")
    grows[w3] = V[1000] > 9.0 * V[100]

assert grows == {0.9: False, 1.0: True, 1.1: True}
