bottom, top = 0.6, 1.0  # of the axis
unit = 1.0  # a tick's worth, %, by the label
labelled, shares = (unit * (top - bottom), 100.0 * (top - bottom))
print(f"from top to bottom of the axis: {labelled:.1g} percentage points as labelled, {shares:.0f} as shares")
assert top * unit < 100.0
