from eco_jax.model.objective import cost

w1, w2, w3 = 4.0, 1.0, 1.0  # by the text: energy counts four times as much as latency
thrifty, quick = (0.3, 0.1), (0.1, 0.25)  # L in s, E in J; QoE is 0.5
best = {}
for reading, weights in (("formula", (w1, w2)), ("text", (w2, w1))):  # of L, of E
    a, b = (cost(L, E, 0.5, *weights, w3) for L, E in (thrifty, quick))
    best[reading] = "thrifty" if a < b else "quick"
    print(f"by the {reading}: thrifty {a:.2f}, quick {b:.2f}; {best[reading]} is the best")

assert best["formula"] != best["text"]
