// A controller's map: a layer that stays (area, reach of the servers), and one that moves.

const TRAIL = 8;
const FOOT = 20;
const BOX = bounds();
const CELLS = cells();

/** A map of what a controller does: {node, resize(), draw(time, chosen), found(event)}. */
function makeMap(player, calm) {
  const still = el('canvas', { 'aria-hidden': 'true' });
  const moving = el('canvas', { role: 'img', 'aria-label': `Map of what ${PLAYERS[player].name} does` });
  const node = el('div', { class: 'map' }, still, moving);
  const mine = PLAYERS[player];
  let scale = 1;
  let width = 0;
  let height = 0;

  const pixel = ([x, y]) => [(x - BOX.left) * scale, height - FOOT - (y - BOX.bottom) * scale];
  const site = (i) => pixel(WORLD.sites[i]);
  const half = () => Math.max(4, Math.min(9, width / (6 * Math.sqrt(WORLD.servers))));

  /** Where a user is at a time between two slots. */
  function place(user, time) {
    const t = Math.min(Math.floor(time), LAST);
    const next = Math.min(t + 1, LAST);
    const share = calm() ? 0 : time - t;
    const mix = (field) => at(field, t, user) + share * (at(field, next, user) - at(field, t, user));
    return pixel([mix(SHARED.x), mix(SHARED.y)]);
  }

  function resize() {
    const ratio = window.devicePixelRatio || 1;
    width = node.clientWidth;
    scale = width / BOX.width;
    height = Math.round(BOX.height * scale) + FOOT;
    node.style.height = `${height}px`;
    for (const canvas of [still, moving]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    ground(still.getContext('2d'));
  }

  function ground(ctx) {
    ctx.clearRect(0, 0, width, height);
    const [left, top] = pixel([0, WORLD.side]);
    ctx.fillStyle = '#fafaf7';
    ctx.fillRect(left, top, WORLD.side * scale, WORLD.side * scale);
    ctx.save();
    if (WORLD.radius === null) {
      ctx.strokeStyle = '#e2e2dc';
      ctx.lineWidth = 1;
      for (const cell of CELLS.filter((polygon) => polygon.length)) {
        ctx.beginPath();
        cell.map(pixel).forEach(([x, y]) => ctx.lineTo(x, y));
        ctx.closePath();
        ctx.stroke();
      }
    } else {
      ctx.beginPath();
      ctx.rect(left, top, WORLD.side * scale, WORLD.side * scale);
      ctx.clip();
      WORLD.sites.forEach((_, i) => circle(ctx, site(i), WORLD.radius * scale, 'rgba(0,114,178,0.07)', '#c9d6e0', 1));
    }
    ctx.restore();
    ctx.strokeStyle = '#b5b5ae';
    ctx.lineWidth = 1;
    ctx.strokeRect(left, top, WORLD.side * scale, WORLD.side * scale);
    rule(ctx, left);
  }

  /** A bar that says how long a distance is. */
  function rule(ctx, left) {
    const power = 10 ** Math.floor(Math.log10(WORLD.side / 4));
    const length = [5, 2, 1].map((n) => n * power).find((n) => n <= WORLD.side / 4) || power;
    const y = height - 9;
    line(ctx, [left, y], [left + length * scale, y], COLOURS.quiet, 3);
    ctx.fillStyle = COLOURS.quiet;
    ctx.font = '12px system-ui, sans-serif';
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillText(length >= 1000 ? `${length / 1000} km` : `${length} m`, left + length * scale + 8, y);
  }

  function trail(ctx, user, time, here) {
    const t = Math.floor(time);
    let newer = here;
    for (let back = 0; back < TRAIL && t - back >= 0; back += 1) {
      const older = pixel([at(SHARED.x, t - back, user), at(SHARED.y, t - back, user)]);
      line(ctx, newer, older, `rgba(90,90,90,${0.4 * (1 - back / TRAIL)})`, 1.5);
      newer = older;
    }
  }

  function link(ctx, user, t, here, shift) {
    const server = at(mine.server, t, user);
    if (server < 0) return;
    const radio = at(mine.radio, t, user);
    const colour = choice(player, t, user);
    const thick = 1 + 2.6 * at(mine.factor, t, user);
    line(ctx, here, site(radio), colour, thick, [7, 3], shift);
    if (radio !== server) line(ctx, site(radio), site(server), colour, thick, [7, 3], shift);
    if (at(mine.migrates, t, user) && at(mine.last, t, user) >= 0) {
      arrow(ctx, site(at(mine.last, t, user)), site(server), COLOURS.moved);
    }
  }

  function person(ctx, user, t, here) {
    if (at(mine.synced, t, user)) circle(ctx, here, 9.5, null, COLOURS.sync, 2.5);
    const colour = choice(player, t, user);
    const local = at(mine.server, t, user) < 0;
    circle(ctx, here, 5, local ? '#ffffff' : colour, local ? COLOURS.local : '#ffffff', local ? 2.2 : 1);
    if (missed(player, t, user)) cross(ctx, here, 4.5);
  }

  function station(ctx, i, t, replicas) {
    const [x, y] = site(i);
    const size = half();
    if (at(mine.refreshed, t, i)) {
      ctx.strokeStyle = COLOURS.sync;
      ctx.lineWidth = 2.5;
      ctx.strokeRect(x - size - 3.5, y - size - 3.5, 2 * size + 7, 2 * size + 7);
    }
    box(ctx, [x, y], size, at(mine.load, t, i));
    const shown = Math.min(replicas, 4);
    for (let k = 0; k < shown; k += 1) {
      diamond(ctx, [x + (k - (shown - 1) / 2) * 7, y + size + 5], 3.2, '#ffffff', COLOURS.moved);
    }
  }

  function draw(time, chosen) {
    const ctx = moving.getContext('2d');
    const t = Math.min(Math.floor(time), LAST);
    const shift = calm() ? 0 : -40 * (time - t);
    ctx.clearRect(0, 0, width, height);
    const users = Array.from({ length: WORLD.users }, (_, user) => place(user, time));
    users.forEach((here, user) => trail(ctx, user, time, here));
    users.forEach((here, user) => link(ctx, user, t, here, shift));
    if (chosen && chosen.kind === 'user') candidates(ctx, chosen.index, t, users[chosen.index]);
    const held = heldBy(player, t);
    WORLD.sites.forEach((_, i) => station(ctx, i, t, held[i]));
    users.forEach((here, user) => person(ctx, user, t, here));
    if (chosen) circle(ctx, chosen.kind === 'user' ? users[chosen.index] : site(chosen.index), 15, null, COLOURS.ink, 2);
  }

  /** What a user may choose among. */
  function candidates(ctx, user, t, here) {
    for (let k = 0; k < SHARED.candidates.shape[2]; k += 1) {
      line(ctx, here, site(at(SHARED.candidates, t, user, k)), COLOURS.quiet, 1, [1, 4]);
    }
  }

  /** The user or server under the pointer, null where there is none. */
  function found(event, time) {
    const { left, top } = moving.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    let best = { distance: 16 };
    const look = (kind, index, [px, py], reach) => {
      const distance = Math.hypot(px - x, py - y) - reach;
      if (distance < best.distance) best = { kind, index, distance };
    };
    WORLD.sites.forEach((_, i) => look('server', i, site(i), 0));
    for (let user = 0; user < WORLD.users; user += 1) look('user', user, place(user, time), 2);
    return best.kind ? { kind: best.kind, index: best.index } : null;
  }

  return { node, resize, draw, found };
}

/** Whether a user's task came too late. */
function missed(player, t, user) {
  return at(PLAYERS[player].outcome.latency, t, user) > at(SHARED.deadline, t, user);
}

/** The colour of what a user chose. */
function choice(player, t, user) {
  const server = at(PLAYERS[player].server, t, user);
  if (server < 0) return COLOURS.local;
  return server === at(SHARED.candidates, t, user, 0) ? COLOURS.near : COLOURS.other;
}

/** Replicas at each server. */
function heldBy(player, t) {
  const held = new Array(WORLD.servers).fill(0);
  for (let user = 0; user < WORLD.users; user += 1) {
    const server = at(PLAYERS[player].replica, t, user);
    if (server >= 0) held[server] += 1;
  }
  return held;
}
