// The plane: where the map's edges are, and which part of it is nearest to each server.

/** {left, bottom, width, height} in m: the area, and the servers that stand outside of it. */
function bounds() {
  const xs = WORLD.sites.map((site) => site[0]);
  const ys = WORLD.sites.map((site) => site[1]);
  const least = (values) => values.reduce((a, b) => Math.min(a, b), 0);
  const most = (values) => values.reduce((a, b) => Math.max(a, b), WORLD.side);
  const margin = 0.02 * WORLD.side;
  const [left, bottom] = [least(xs) - margin, least(ys) - margin];
  return { left, bottom, width: most(xs) + margin - left, height: most(ys) + margin - bottom };
}

/** Of a convex polygon the part that is nearer to p than to q. */
function nearer(polygon, p, q) {
  const [dx, dy] = [q[0] - p[0], q[1] - p[1]];
  const limit = (q[0] ** 2 + q[1] ** 2 - p[0] ** 2 - p[1] ** 2) / 2;
  const beyond = (point) => point[0] * dx + point[1] * dy - limit;
  const found = [];
  polygon.forEach((point, i) => {
    const next = polygon[(i + 1) % polygon.length];
    const [here, there] = [beyond(point), beyond(next)];
    if (here <= 0) found.push(point);
    if ((here < 0 && there > 0) || (here > 0 && there < 0)) {
      const share = here / (here - there);
      found.push([point[0] + share * (next[0] - point[0]), point[1] + share * (next[1] - point[1])]);
    }
  });
  return found;
}

/** The polygon of points in the area that are nearest to each server; none where there are too many servers to see. */
function cells() {
  if (WORLD.sites.length > 600) return [];
  const { side, sites } = WORLD;
  return sites.map((site) => sites.reduce(
    (polygon, other) => (other === site || !polygon.length ? polygon : nearer(polygon, site, other)),
    [[0, 0], [side, 0], [side, side], [0, side]],
  ));
}
