// Every CPU as it is, and as the controller believes it to be: two bars side by side, changed in place.

const BARS = { height: 90, below: 18, above: 10, wide: 16 };

/** The panel of one controller: {node, update(t)}. */
function makeBelief(player) {
  const mine = PLAYERS[player];
  const kinds = [makeBars(player, 'server', 'Servers'), makeBars(player, 'device', 'Devices of the users')];
  const title = mine.synchronises ? 'physical CPUs and their digital twin' : 'physical CPUs and what is believed of them';
  const node = el(
    'section', { class: 'belief', 'aria-label': `${title}: ${mine.name}` },
    el('h2', {}, sign(player), ` ${mine.name}: ${title}`), ...kinds.map((kind) => kind.node),
  );
  return { node, update: (t) => kinds.forEach((kind) => kind.update(t)) };
}

/** The bars of all servers or all devices. */
function makeBars(player, kind, title) {
  const mine = PLAYERS[player];
  const physical = SHARED[kind].true;
  const thought = mine[`${kind}s`];
  const count = physical.shape[1];
  const step = Math.max(9, Math.min(22, 600 / count));
  const bar = step * 0.36;
  const top = range(physical, thought.high)[1];
  const y = (speed) => BARS.above + BARS.height * (1 - Math.min(speed / top, 1));
  const width = count * step + 2;
  const height = BARS.above + BARS.height + BARS.below;
  const told_ = el('span', { class: 'quiet' });
  const columns = Array.from({ length: count }, (_, i) => {
    const x = i * step + step * 0.12;
    const real = svg('rect', { x, width: bar, class: 'real' });
    const twin = svg('rect', { x: x + bar + 0.6, width: bar, fill: STYLES[player].colour });
    const doubt = svg('line', { x1: x + 1.5 * bar + 0.6, x2: x + 1.5 * bar + 0.6, class: 'doubt' });
    const fresh = svg('path', { d: `M${x + bar - 3.5},1 h8 l-4,6 z`, class: 'fresh' });
    const old = step >= 12
      ? svg('text', { x: x + bar, y: height - 4, 'text-anchor': 'middle' })
      : svg('rect', { x, width: 2 * bar, y: height - BARS.below + 4, height: 8 });
    return { group: svg('g', {}, real, twin, doubt, fresh, old), real, twin, doubt, fresh, old };
  });
  const plot = svg(
    'svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}: true and believed speed` },
    svg('line', { x1: 0, x2: width, y1: y(0), y2: y(0), class: 'zero' }), ...columns.map((column) => column.group),
  );
  const head = el('p', {}, el('b', {}, title), el('span', { class: 'quiet' }, ` up to ${told(top, 'GHz')}. `), told_);
  const node = el('div', {}, head, el('div', { class: 'bars', tabindex: 0, role: 'region', 'aria-label': title }, plot));

  function upright(node_, speed) {
    node_.setAttribute('y', y(speed));
    node_.setAttribute('height', y(0) - y(speed));
  }

  function update(t) {
    let wrong = 0;
    let recent = 0;
    columns.forEach((column, i) => {
      const [real, believed, age] = [at(physical, t, i), at(thought.believed, t, i), at(thought.age, t, i)];
      wrong += Math.abs(believed - real) / real;
      recent += age >= 0 && age <= 3;
      upright(column.real, real);
      upright(column.twin, believed);
      column.twin.setAttribute('fill-opacity', mine.exact ? 1 : age < 0 ? 0.3 : Math.max(0.4, 1 - 0.08 * (age - 1)));
      column.doubt.setAttribute('y1', y(at(thought.low, t, i)));
      column.doubt.setAttribute('y2', y(at(thought.high, t, i)));
      column.fresh.style.visibility = refreshed(player, kind, t, i) ? 'visible' : 'hidden';
      if (column.old.tagName === 'text') column.old.textContent = mine.exact ? '' : age < 0 ? '–' : step < BARS.wide && age > 9 ? '+' : age;
      else column.old.setAttribute('fill-opacity', age < 0 ? 0 : Math.max(0.15, 1 - 0.12 * (age - 1)));
    });
    told_.textContent = `Belief off by ${Math.round((100 * wrong) / count)} %`
      + (mine.exact ? '.' : `; ${recent} of ${count} measured in the last 3 slots.`);
  }

  return { node, update };
}

/** Whether a CPU is synchronised in a slot. */
function refreshed(player, kind, t, i) {
  const mine = PLAYERS[player];
  return Boolean(kind === 'server' ? at(mine.refreshed, t, i) : at(mine.synced, t, i));
}
