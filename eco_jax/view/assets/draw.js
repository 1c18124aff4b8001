// Shapes on a canvas. All in pixels.

function line(ctx, from, to, colour, width, dash = [], shift = 0) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.lineDashOffset = shift;
  ctx.beginPath();
  ctx.moveTo(from[0], from[1]);
  ctx.lineTo(to[0], to[1]);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** A bowed arrow. */
function arrow(ctx, from, to, colour) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length < 1) return;
  const bow = [(from[0] + to[0]) / 2 - 0.18 * dy, (from[1] + to[1]) / 2 + 0.18 * dx];
  const way = Math.atan2(to[1] - bow[1], to[0] - bow[0]);
  const tip = [to[0] - 8 * Math.cos(way), to[1] - 8 * Math.sin(way)];
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = 2.2;
  ctx.setLineDash([6, 3]);
  ctx.beginPath();
  ctx.moveTo(from[0], from[1]);
  ctx.quadraticCurveTo(bow[0], bow[1], tip[0], tip[1]);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const turn of [0, 2.55, -2.55]) {
    ctx.lineTo(tip[0] + 7 * Math.cos(way + turn), tip[1] + 7 * Math.sin(way + turn));
  }
  ctx.fill();
}

function circle(ctx, [x, y], radius, fill, stroke, width = 1.5) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) {
    ctx.fillStyle = fill;
    ctx.fill();
  }
  if (stroke) {
    ctx.strokeStyle = stroke;
    ctx.lineWidth = width;
    ctx.stroke();
  }
}

function cross(ctx, [x, y], size) {
  for (const [colour, width] of [['#ffffff', 5], [COLOURS.ink, 2.4]]) {
    line(ctx, [x - size, y - size], [x + size, y + size], colour, width);
    line(ctx, [x - size, y + size], [x + size, y - size], colour, width);
  }
}

function diamond(ctx, [x, y], size, fill, stroke) {
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 1.2;
  ctx.stroke();
}

/** A server: a square with the number of its tasks where there is room for it, the darker the more they are. */
function box(ctx, [x, y], half, load) {
  const shade = Math.min(load / 5, 1);
  const grey = Math.round(255 - 185 * shade);
  ctx.fillStyle = load ? `rgb(${grey},${grey},${grey})` : '#ffffff';
  ctx.strokeStyle = load ? COLOURS.ink : '#8a8a8a';
  ctx.lineWidth = load ? 1.4 : 1;
  ctx.fillRect(x - half, y - half, 2 * half, 2 * half);
  ctx.strokeRect(x - half, y - half, 2 * half, 2 * half);
  if (!load || half < 6) return;
  ctx.fillStyle = shade > 0.45 ? '#ffffff' : COLOURS.ink;
  ctx.font = '600 12px system-ui, sans-serif';
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(String(load), x, y + 0.5);
}
