from eco_jax.model.objective import cost, reward, reward_printed

L, E, w = 0.2, 0.3, (1.0, 1.0, 1.0)
good, bad = 1.0, 0.0  # QoE
for name, QoE in (("good", good), ("bad", bad)):
    a, b = cost(L, E, QoE, *w), reward_printed(L, E, QoE, *w)
    print(f"{name} QoE: (12a) {a:+.1f}, to be minimised; (13) {b:+.1f}, to be maximised")

assert cost(L, E, good, *w) < cost(L, E, bad, *w)
assert reward_printed(L, E, good, *w) < reward_printed(L, E, bad, *w)
assert reward(L, E, good, *w) == -cost(L, E, good, *w)
