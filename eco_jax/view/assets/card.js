// All about one user or one server, a column for each controller.

/** Rows of a card: [label, a text of each controller], or [label] for a heading. */
function rowsOf(chosen, t) {
  return chosen.kind === 'user' ? aboutUser(chosen.index, t) : aboutServer(chosen.index, t);
}

function aboutUser(user, t) {
  const every = (text) => PLAYERS.map((player, i) => text(player, i));
  const same = (text) => [text];
  const out = (name, unit) => every((player) => told(at(player.outcome[name], t, user), unit));
  const rows = [
    ['Task', same(`${told(at(SHARED.data, t, user), 'KB')}, ${told(at(SHARED.cycles, t, user))} million cycles`)],
    ['Deadline', same(told(at(SHARED.deadline, t, user), 'ms'))],
    ['Choice', every((player, i) => chosenBy(player, i, t, user))],
    ['Link up', every((player) => told(at(player.up, t, user), 'Mbit/s'))],
    ['Latency', every((player, i) => `${told(at(player.outcome.latency, t, user), 'ms')}, ${missed(i, t, user) ? 'too late' : 'in time'}`)],
    ['as expected', out('expected', 'ms')],
    ['Migration', every((player) => (at(player.migrates, t, user)
      ? `from server ${at(player.last, t, user)}, ${told(at(player.outcome.migration, t, user), 'ms')}` : 'none'))],
    ['Replica', every((player) => replica(player, t, user))],
    ['Energy', out('energy', 'mJ')],
    ...DATA.terms.map((term, k) => [`\u2003${term}`, every((player) => told(at(player.outcome.terms, t, user, k), 'mJ'))]),
    ['QoE', out('qoe', '')],
    ['Reward', out('reward', '')],
    ...DATA.costs.map((cost, k) => [cost.label, every((player) => told(at(player.outcome.costs, t, user, k), cost.unit))]),
  ];
  return [...rows, ...aboutCpu('device', user, t)];
}

function chosenBy(player, i, t, user) {
  const server = at(player.server, t, user);
  if (server < 0) return 'on the device';
  const rank = Array.from({ length: SHARED.candidates.shape[2] }, (_, k) => at(SHARED.candidates, t, user, k)).indexOf(server);
  const share = `${Math.round(100 * at(player.factor, t, user))} %`;
  const which = rank === 0 ? 'the nearest' : `candidate ${rank + 1}`;
  const tasks = at(player.sharing, t, user);
  return `${share} to server ${server} (${which}), ${tasks} ${tasks === 1 ? 'task' : 'tasks'} there`;
}

function replica(player, t, user) {
  const server = at(player.replica, t, user);
  return (server < 0 ? 'none' : `at server ${server}`) + (at(player.placed, t, user) ? ', a new one placed' : '');
}

function aboutServer(server, t) {
  const every = (text) => PLAYERS.map((player, i) => text(player, i));
  const users = (player, field) => {
    const found = [];
    for (let user = 0; user < WORLD.users; user += 1) if (at(player[field], t, user) === server) found.push(user);
    return found.length > 8 ? `${found.slice(0, 8).join(', ')}, …` : found.join(', ');
  };
  return [
    ['Tasks', every((player) => {
      const load = at(player.load, t, server);
      return load ? `${load}, of users ${users(player, 'server')}` : 'none';
    })],
    ['Replicas', every((player, i) => {
      const held = heldBy(i, t)[server];
      return `${held} of ${WORLD.capacity < 1e6 ? WORLD.capacity : 'any number'}${held ? `, of users ${users(player, 'replica')}` : ''}`;
    })],
    ...aboutCpu('server', server, t),
  ];
}

function aboutCpu(kind, i, t) {
  const thought = (player) => player[`${kind}s`];
  return [
    ['CPU, nominal', [told(at(SHARED[kind].nominal, i), 'GHz')]],
    ['truly', [told(at(SHARED[kind].true, t, i), 'GHz')]],
    ['as believed', PLAYERS.map((player) => {
      const [low, high] = [at(thought(player).low, t, i), at(thought(player).high, t, i)];
      return `${told(at(thought(player).believed, t, i), 'GHz')}${player.exact ? '' : ` (${told(low)} to ${told(high)})`}`;
    })],
    ['last measured', PLAYERS.map((player) => {
      const age = at(thought(player).age, t, i);
      if (player.exact) return 'known exactly';
      return age < 0 ? 'never' : `${age} ${age === 1 ? 'slot' : 'slots'} ago`;
    })],
    ['synchronised now', PLAYERS.map((player, k) => (refreshed(k, kind, t, i) ? 'yes' : 'no'))],
  ];
}

/** The card: {node, show(chosen, t, near, pinned), hide()}. */
function makeCard(close) {
  const title = el('h2', {});
  const body = el('tbody');
  const heads = el('tr', {}, el('td'), ...PLAYERS.map((player, i) => el('th', { scope: 'col' }, sign(i), ` ${player.name}`)));
  const button = el('button', { type: 'button', 'aria-label': 'Close the card', onclick: close }, '\u00D7');
  const node = el('aside', { class: 'card', hidden: true }, el('div', { class: 'title' }, title, button), el('table', {}, el('thead', {}, heads), body));

  function show(chosen, t, near, pinned) {
    title.textContent = `${chosen.kind === 'user' ? 'User' : 'Server'} ${chosen.index}, slot ${t}`;
    body.replaceChildren(...rowsOf(chosen, t).map(([label, texts]) => el(
      'tr', {}, el('th', { scope: 'row' }, label),
      ...texts.map((text) => el('td', { colspan: texts.length === 1 ? PLAYERS.length : 1 }, text)),
    )));
    node.hidden = false;
    node.classList.toggle('pinned', pinned);
    if (near) beside(node, near);
  }

  return { node, show, hide: () => { node.hidden = true; } };
}

/** Put a node beside a point of the window, within it. */
function beside(node, [x, y]) {
  const { offsetWidth: width, offsetHeight: height } = node;
  const [right, bottom] = [document.documentElement.clientWidth, window.innerHeight];
  const left = x + 18 + width < right ? x + 18 : x - 18 - width;
  node.style.left = `${Math.max(4, Math.min(left, right - width - 4))}px`;
  node.style.top = `${Math.max(4, Math.min(y - height / 3, bottom - height - 4))}px`;
  node.style.right = 'auto';
  node.style.bottom = 'auto';
}
