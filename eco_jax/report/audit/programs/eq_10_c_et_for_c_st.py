from eco_jax.model.qoe import qoe, savings_printed

B, C_st, C_et = 1.0, 0.4, 2.1e8  # budget; cost, in its unit; cycles
equation, text = (qoe(1.0, savings_printed(B, C), 0.7, 0.3) for C in (C_st, C_et))
print(f"QoE at full satisfaction: {equation:.2f} with C_st, {text:.1e} with C_et")
assert text < 0.0 < equation < 1.0
