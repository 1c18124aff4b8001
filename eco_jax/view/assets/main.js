// The page put together.

const CALM = window.matchMedia('(prefers-reduced-motion: reduce)');
const NARROW = window.matchMedia('(max-width: 760px)');

const LEGEND = [
  ['local', 'user who computes on the device'],
  ['near', 'sends to the nearest server'],
  ['other', 'sends to another candidate'],
  ['factor', 'thicker: a larger share of the task'],
  ['late', 'task past its deadline'],
  ['load', 'server with its tasks: darker, more of them'],
  ['replica', 'replica of a service kept there'],
  ['moved', 'service migrates'],
  ['sync', 'twin synchronised'],
  ['trail', 'way of the last slots'],
];

function icon(name) {
  const shapes = {
    local: () => [svg('circle', { cx: 14, cy: 8, r: 5, fill: '#fff', stroke: COLOURS.local, 'stroke-width': 2.2 })],
    near: () => [dashed(COLOURS.near, 3), svg('circle', { cx: 6, cy: 8, r: 5, fill: COLOURS.near })],
    other: () => [dashed(COLOURS.other, 3), svg('circle', { cx: 6, cy: 8, r: 5, fill: COLOURS.other })],
    factor: () => [svg('path', { d: 'M2,8 L26,4 v8 z', fill: COLOURS.quiet })],
    late: () => [svg('path', { d: 'M9,3 l10,10 M19,3 l-10,10', stroke: COLOURS.ink, 'stroke-width': 2.4 })],
    load: () => [svg('rect', { x: 6, y: 1, width: 14, height: 14, fill: '#b8b8b8', stroke: COLOURS.ink }),
      svg('text', { x: 13, y: 12.5, 'text-anchor': 'middle', 'font-size': 12, 'font-weight': 600 }, '2')],
    replica: () => [svg('path', { d: 'M14,3 l5,5 -5,5 -5,-5 z', fill: '#fff', stroke: COLOURS.moved, 'stroke-width': 1.4 })],
    moved: () => [svg('path', { d: 'M2,12 Q12,2 20,8', fill: 'none', stroke: COLOURS.moved, 'stroke-width': 2.2, 'stroke-dasharray': '5 2' }),
      svg('path', { d: 'M26,12 l-9,-1 4,-6 z', fill: COLOURS.moved })],
    sync: () => [svg('circle', { cx: 14, cy: 8, r: 6.5, fill: 'none', stroke: COLOURS.sync, 'stroke-width': 2.5 })],
    trail: () => [svg('path', { d: 'M2,12 L14,6 L26,8', fill: 'none', stroke: '#a8a8a8', 'stroke-width': 1.8 })],
  };
  return svg('svg', { width: 28, height: 16, viewBox: '0 0 28 16', 'aria-hidden': 'true' }, ...shapes[name]());
}

function dashed(colour, width) {
  return svg('line', { x1: 8, x2: 27, y1: 8, y2: 8, stroke: colour, 'stroke-width': width, 'stroke-dasharray': '6 3' });
}

function start() {
  const view = { shown: PLAYERS.length > 1 ? 'both' : '0', hovered: null, pinned: null, slot: -1 };
  const visible = () => {
    if (view.shown !== 'both') return [Number(view.shown)];
    return NARROW.matches ? [0] : PLAYERS.map((_, i) => i);
  };
  const calm = () => CALM.matches;
  const player = makePlayer(draw);
  const maps = PLAYERS.map((_, i) => makeMap(i, calm));
  const beliefs = PLAYERS.map((_, i) => makeBelief(i));
  const charts = DATA.series.filter((series) => series.key !== 'miss').map((series) => makeChart(series, player.seek));
  const late = makeMissed();
  const card = makeCard(() => choose(null));
  const details = el('select', { 'aria-label': 'Details of', onchange: () => {
    const [kind, index] = details.value.split(' ');
    card.node.removeAttribute('style');
    choose(kind ? { kind, index: Number(index) } : null);
  } }, el('option', { value: '' }, 'details of …'),
  ...['user', 'server'].flatMap((kind) => Array.from({ length: WORLD[`${kind}s`] }, (_, i) => (
    el('option', { value: `${kind} ${i}` }, `${kind} ${i}`)))));
  const figures = maps.map((map, i) => el('figure', { class: 'world' }, el(
    'figcaption', {}, el('h2', {}, sign(i), ` ${PLAYERS[i].name}`), el('p', {}, PLAYERS[i].knows),
  ), map.node));
  const stage = el('div', { class: 'stage' }, ...figures, el('div', { class: 'charts' }, late.node, ...charts.map((chart) => chart.node)));
  const reach = WORLD.radius === null ? 'Lines: which server is nearest.' : `Discs: radio reach of the servers, ${told(WORLD.radius, 'm')}.`;
  player.node.append(details);
  document.body.append(el(
    'main', {},
    el('header', {}, el('h1', {}, PLAYERS.map((p) => p.name).join(' against ')), el('p', {}, DATA.episode)),
    player.node, choices(), stage,
    el('ul', { class: 'legend', 'aria-label': 'Legend of the map' }, ...LEGEND.map(([name, words]) => el('li', {}, icon(name), ` ${words}`))),
    el('p', { class: 'hint' }, `${reach} Point at a user or a server for its card; click to keep it. Keys: space, arrows, Home, End.`),
    el('div', { class: 'beliefs' }, ...beliefs.map((belief) => belief.node)),
    el('p', { class: 'hint' }, ...barsExplained()),
  ), card.node);

  function choices() {
    if (PLAYERS.length < 2) return '';
    const options = [['0', PLAYERS[0].name], ['1', PLAYERS[1].name], ['both', 'both']];
    return el('fieldset', { class: 'choose' }, el('legend', {}, 'Show'), ...options.map(([value, words]) => el(
      'label', { class: value === 'both' ? 'wide' : null },
      el('input', { type: 'radio', name: 'shown', value, checked: value === view.shown, onchange: () => { view.shown = value; arrange(); } }),
      ` ${words}`,
    )));
  }

  function choose(chosen) {
    view.pinned = chosen;
    details.value = chosen ? `${chosen.kind} ${chosen.index}` : '';
    draw();
    if (chosen) card.show(chosen, Math.floor(player.time()), null, true);
    else card.hide();
  }

  function arrange() {
    const there = visible();
    const chosen = there.length > 1 ? 'both' : String(there[0]);
    document.querySelectorAll('.choose input').forEach((input) => { input.checked = input.value === chosen; });
    [figures, beliefs.map((belief) => belief.node)].forEach((nodes) => nodes.forEach((node, i) => { node.hidden = !there.includes(i); }));
    stage.dataset.maps = there.length;
    there.forEach((i) => maps[i].resize());
    view.slot = -1;
    draw();
  }

  function draw() {
    const time = player.time();
    const t = Math.floor(time);
    const chosen = view.hovered || view.pinned;
    visible().forEach((i) => maps[i].draw(time, chosen));
    if (t === view.slot) return;
    view.slot = t;
    visible().forEach((i) => beliefs[i].update(t));
    charts.forEach((chart) => chart.update(t));
    late.update(t);
    if (chosen && !card.node.hidden) card.show(chosen, t, null, chosen === view.pinned);
  }

  maps.forEach((map) => {
    map.node.addEventListener('pointermove', (event) => {
      if (view.pinned || event.pointerType === 'touch') return;
      view.hovered = map.found(event, player.time());
      if (view.hovered) card.show(view.hovered, Math.floor(player.time()), [event.clientX, event.clientY], false);
      else card.hide();
      draw();
    });
    map.node.addEventListener('pointerleave', () => {
      view.hovered = null;
      if (!view.pinned) card.hide();
      draw();
    });
    map.node.addEventListener('click', (event) => {
      const found = map.found(event, player.time());
      view.hovered = null;
      choose(found);
      if (found) beside(card.node, [event.clientX, event.clientY]);
    });
  });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') choose(null); });
  const resized = new ResizeObserver(() => { if (stage.dataset.width !== String(stage.clientWidth)) { stage.dataset.width = stage.clientWidth; arrange(); } });
  resized.observe(stage);
  NARROW.addEventListener('change', arrange);
  arrange();
  player.seek(0);
}

function barsExplained() {
  return [
    el('span', { class: 'key real' }), ' true speed; ', el('span', { class: 'key thought' }),
    ' as believed, paler the older the last measurement; thin line: one standard deviation; \u25BC synchronised in this slot; ',
    'below: slots since the CPU was last measured (+: ten or more, –: never). Off: mean difference between believed and true speed.',
  ];
}

start();
