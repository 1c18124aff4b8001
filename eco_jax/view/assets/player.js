// Time: playing, stopping, and wherever the slider and the keys go.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

/** {node, time(), seek(time)}; `told` is called with the time, in slots, whenever it changes. */
function makePlayer(changed) {
  let time = 0;
  let playing = false;
  let speed = 1;
  let before = null;

  const play = el('button', { type: 'button', class: 'play', onclick: () => turn(!playing) }, '\u25B6\uFE0E Play');
  const slider = el('input', { type: 'range', min: 0, max: LAST, step: 1, value: 0, 'aria-label': 'Slot',
    oninput: () => { turn(false); seek(Number(slider.value)); } });
  const text = el('output', { class: 'now', 'aria-live': 'off' });
  const rate = el('select', { 'aria-label': 'Slots per second', onchange: () => { speed = Number(rate.value); } },
    ...SPEEDS.map((value) => el('option', { value, selected: value === 1 }, `${value} ${value === 1 ? 'slot' : 'slots'}/s`)));
  const stepped = (by, words, shown) => el('button', { type: 'button', 'aria-label': words, title: words,
    onclick: () => { turn(false); seek(Math.floor(time) + by); } }, shown);
  const node = el('div', { class: 'bar', role: 'group', 'aria-label': 'Playback' },
    stepped(-1, 'One slot back', '\u25C0\uFE0E'), play, stepped(1, 'One slot on', '\u25B6\uFE0E|'), slider, text, rate);

  function turn(on) {
    if (on && time >= LAST) seek(0);
    playing = on && LAST > 0;
    play.textContent = playing ? '\u275A\u275A Pause' : '\u25B6\uFE0E Play';
    before = null;
    if (playing) requestAnimationFrame(frame);
  }

  function frame(now) {
    if (!playing) return;
    const passed = before === null ? 0 : Math.min(now - before, 250) / 1000;
    before = now;
    seek(time + speed * passed);
    if (time >= LAST) turn(false);
    else requestAnimationFrame(frame);
  }

  function seek(to) {
    time = Math.max(0, Math.min(to, LAST));
    const slot = Math.floor(time);
    if (Number(slider.value) !== slot) slider.value = slot;
    const said = `slot ${slot} of ${LAST}, ${told(slot * WORLD.slot, 's')}`;
    if (text.textContent !== said) {
      text.textContent = said;
      slider.setAttribute('aria-valuetext', said);
    }
    changed(time);
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { tagName, type } = event.target;
    if (tagName === 'SELECT' || type === 'radio') return;
    const moves = { ArrowLeft: () => seek(Math.floor(time) - 1), ArrowRight: () => seek(Math.floor(time) + 1),
      Home: () => seek(0), End: () => seek(LAST) };
    if (event.key === ' ' && tagName !== 'BUTTON') turn(!playing);
    else if (event.key in moves) {
      turn(false);
      moves[event.key]();
    } else return;
    event.preventDefault();
  });

  return { node, time: () => time, seek: (to) => { turn(false); seek(to); } };
}
