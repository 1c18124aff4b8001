// What came of it, slot by slot: lines that are drawn once, and a cursor at the present slot.

const CHART = { width: 300, height: 74 };

/** A chart of one metric for all controllers: {node, update(t)}. */
function makeChart(series, seek) {
  const lines = PLAYERS.map((player) => player.series[series.key]);
  const [low, high] = range(...lines);
  const gap = (high - low || Math.abs(high) || 1) * 0.06;
  const x = (t) => (LAST ? (t / LAST) * CHART.width : 0);
  const y = (value) => CHART.height * (1 - (value - low + gap) / (high - low + 2 * gap || 1));
  const name = `until-${series.key.replace(/[^a-z]/g, '-')}`;
  const past = svg('rect', { x: 0, y: 0, width: 0, height: CHART.height });
  const cursor = svg('line', { y1: 0, y2: CHART.height, class: 'cursor' });
  const drawn = lines.map((field, i) => {
    const points = Array.from(field.values, (value, t) => `${x(t).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const style = { points, stroke: STYLES[i].colour, 'stroke-dasharray': STYLES[i].dash };
    return [svg('polyline', { ...style, class: 'ahead' }), svg('polyline', { ...style, 'clip-path': `url(#${name})` })];
  });
  const nothing = low < 0 && high > 0 ? svg('line', { x1: 0, x2: CHART.width, y1: y(0), y2: y(0), class: 'zero' }) : null;
  const plot = svg(
    'svg',
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, preserveAspectRatio: 'none', role: 'img',
      'aria-label': `${series.label} over the slots` },
    svg('clipPath', { id: name }, past), nothing, ...drawn.flat(), cursor,
  );
  const values = PLAYERS.map(() => [el('b'), el('span', { class: 'quiet' })]);
  const title = el('figcaption', {}, el('span', { class: 'name' }, series.label, series.unit ? `, ${series.unit}` : ''));
  values.forEach(([now, mean], i) => title.append(el('span', { class: 'value' }, sign(i), ' ', now, ' ', mean)));
  const scale = el('div', { class: 'scale' }, el('span', {}, told(high)), el('span', {}, told(low)));
  const frame = el('div', { class: 'plot' }, plot, scale);
  follow(plot, (event) => {
    const box = plot.getBoundingClientRect();
    seek(Math.round(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * LAST));
  });

  function update(t) {
    past.setAttribute('width', x(t));
    cursor.setAttribute('x1', x(t));
    cursor.setAttribute('x2', x(t));
    values.forEach(([now, mean], i) => {
      now.textContent = told(lines[i].values[t]);
      mean.textContent = `(mean ${told(meanTo(lines[i], t))})`;
    });
  }

  return { node: el('figure', { class: 'chart' }, title, frame), update };
}

/** Calls `told` where the pointer is pressed, and wherever it is drawn then. */
function follow(node, called) {
  let held = false;
  node.addEventListener('pointerdown', (event) => { held = true; called(event); });
  node.addEventListener('pointermove', (event) => { if (held) called(event); });
  window.addEventListener('pointerup', () => { held = false; });
  window.addEventListener('pointercancel', () => { held = false; });
}

/** How many tasks came too late so far, in words: {node, update(t)}. */
function makeMissed() {
  const counts = PLAYERS.map(() => el('b'));
  const node = el('p', { class: 'missed' }, 'late tasks so far');
  counts.forEach((count, i) => node.append(' ', el('span', { class: 'value' }, sign(i), ' ', count)));
  const update = (t) => counts.forEach((count, i) => {
    count.textContent = `${told(meanTo(PLAYERS[i].series.miss, t))} %`;
  });
  return { node, update };
}
