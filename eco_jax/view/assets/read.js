// The data of the page: numbers as they were rounded, and how they are written.

const DATA = decoded(JSON.parse(document.getElementById('data').textContent));
const WORLD = DATA.world;
const SHARED = DATA.shared;
const PLAYERS = DATA.players;
const LAST = WORLD.slots - 1;

/** A field {step, shape, values} as {shape, values: numbers, NaN where there is none}; all else as it is. */
function decoded(node) {
  if (node === null || typeof node !== 'object') return node;
  if (Array.isArray(node)) return node.map(decoded);
  if ('values' in node && 'step' in node) {
    const values = Float64Array.from(node.values, (n) => (n === null ? NaN : n * node.step));
    return { shape: node.shape, values };
  }
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, decoded(value)]));
}

/** An entry of a field by its indices. */
function at(field, ...index) {
  let flat = 0;
  index.forEach((i, axis) => { flat = flat * field.shape[axis] + i; });
  return field.values[flat];
}

/** [smallest, largest] finite value of fields. */
function range(...fields) {
  let low = Infinity;
  let high = -Infinity;
  for (const field of fields) {
    for (const value of field.values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The mean of slots 0 to t. */
function meanTo(field, t) {
  let sum = 0;
  for (let i = 0; i <= t; i += 1) sum += field.values[i];
  return sum / (t + 1);
}

/** A number in three digits, with its unit. */
function told(value, unit = '') {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  let text;
  if (size === 0) text = '0';
  else if (size >= 1e6 || size < 1e-3) text = value.toExponential(1);
  else text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  return (unit ? `${text} ${unit}` : text).replace('-', '\u2212');
}

/** An element with attributes, handlers (`on...`) and children; texts stay texts. */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const STYLES = [
  { colour: '#0072B2', dash: '', mark: '\u25CF' },
  { colour: '#B84A00', dash: '5 3', mark: '\u25B2' },
];
const COLOURS = {
  ink: '#1a1a1a', quiet: '#5a5a5a', local: '#777777', near: '#007a5a', other: '#E69F00', moved: '#A6467F', sync: '#3A8FC9',
};

/** The sign by which a controller is known in charts: its mark in its colour, hidden from those who hear the page. */
function sign(player) {
  const node = el('span', { class: 'sign', 'aria-hidden': 'true' }, STYLES[player].mark);
  node.style.color = STYLES[player].colour;
  return node;
}
