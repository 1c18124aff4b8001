interval, way, radius = 177.0, 623.0, 150.0  # s and m between two fixes; m, of a cell
cells = way / (2.0 * radius)
crossing, speed = interval / cells, 3.6 * way / interval  # s, km/h
print(f"{way:.0f} m are {cells:.1f} cells of {2 * radius:.0f} m")
print(f"at {speed:.1f} km/h a cell is crossed in {crossing:.0f} s, seen every {interval:.0f} s")
assert crossing < interval / 2.0
