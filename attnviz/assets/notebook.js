// The page of a run: all layers and heads as a grid, one head as a heatmap, its tokens, and arcs between two columns.
const data = JSON.parse(document.getElementById('data').textContent);
const page = document.documentElement;
const find = (name) => document.getElementById(name);
const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
const NS = 'http://www.w3.org/2000/svg';
const MOST = 400; // tokens side by side; of longer texts a stretch is shown
const ARCS = 1500; // lines at once, the strongest
const LEAST = 0.01; // lines of weights below are not drawn
const LINE = 22; // pixels from one token of a column to the next
const maps = data.maps.map((map) => ({ ...map, keys: map.keys || map.queries, alone: !map.keys, weights: new Weights(map) }));

const state = {
  map: Math.max(0, maps.findIndex(({ name }) => name === data.start.map)), layer: data.start.layer, head: data.start.head,
  heads: new Set(data.start.heads), scale: data.start.scale, view: data.start.view, block: 'all', looks: 'query',
  picked: data.start.query === null ? null : { side: 'query', at: data.start.query }, over: null, cell: null, from: 0,
  language: data.language || (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'), theme: data.theme,
  outside: null,
};
const map = () => maps[state.map];
const side = (name) => (name === 'query' ? map().queries : map().keys);
const say = (name, places = {}) => Object.entries(places).reduce(
  (text, [place, filled]) => text.replaceAll(`{${place}}`, () => filled), data.words[state.language][name]);
// A label in a sentence: what is written from right to left keeps to itself there.
const apart = (label) => (/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(label) ? `\u2068${label}\u2069` : label);

// --- colours -------------------------------------------------------------------------------------------------------
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const ramps = Object.fromEntries(['light', 'dark'].map((theme) => {
  const stops = data.colours[theme].ramp.map(rgb), last = stops.length - 1;
  return [theme, Array.from({ length: 256 }, (_, step) => {
    const at = step / 255 * last, low = Math.min(Math.floor(at), last - 1);
    return stops[low].map((from, i) => Math.round(from + (stops[low + 1][i] - from) * (at - low)));
  })];
}));
const dark = () => (state.theme === 'auto' ? state.outside ?? matchMedia('(prefers-color-scheme: dark)').matches : state.theme === 'dark');
const theme = () => (dark() ? 'dark' : 'light');
const step = (shade) => Math.round(Math.min(1, Math.max(0, shade)) * 255);
// Black or white, whichever stands out more: one of them always does by 4.5 to 1.
const ink = (colour) => {
  const [r, g, b] = colour.map((part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
};
const shade = (weight, top) => {
  if (state.scale === 'row') return top > 0 ? weight / top : 0;
  return state.scale === 'log' ? Math.max(0, Math.log10(Math.max(weight, 1e-4)) / 4 + 1) : weight;
};
const series = (head) => data.series[theme()][head % data.series[theme()].length];

// --- what is shown -------------------------------------------------------------------------------------------------
// With two sentences: from which to which. `split` is the first token of the second.
const shown = (query, key) => {
  if (state.block === 'all' || data.split === null) return true;
  const [from, to] = state.block;
  return (query >= data.split ? 'b' : 'a') === from && (key >= data.split ? 'b' : 'a') === to;
};
const from = (head, token) => (token.side === 'query'
  ? map().weights.row(state.layer, head, token.at).filter(([key]) => shown(token.at, key))
  : map().weights.column(state.layer, head, token.at).filter(([query]) => shown(query, token.at)));
const across = (key) => (map().keys.rightToLeft ? map().weights.columns - 1 - key : key); // a key's column, and back
const active = () => state.over || state.picked;
const stretch = (name) => {
  const count = side(name).labels.length;
  const first = Math.max(0, Math.min(state.from, count - MOST));
  return [first, Math.min(count, first + MOST)];
};

function paint(canvas, shades, height, width) { // columns stand as the keys are written, in Hebrew from the right
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext('2d'), image = context.createImageData(width, height), { data: into } = image;
  const none = rgb(data.colours[theme()].not_allowed), ramp = ramps[theme()];
  const turned = map().keys.rightToLeft;
  for (let at = 0; at < shades.length; at++) {
    const found = shades[turned ? at + width - 1 - 2 * (at % width) : at], colour = Number.isNaN(found) ? none : ramp[step(found)];
    into[4 * at] = colour[0]; into[4 * at + 1] = colour[1]; into[4 * at + 2] = colour[2]; into[4 * at + 3] = found < 0 ? 0 : 255;
  }
  context.putImageData(image, 0, 0);
}

// Arrow keys move among buttons of which one can be reached by Tab.
function roving(box, step) {
  box.addEventListener('keydown', (event) => {
    const all = [...box.querySelectorAll('button:not([disabled])')], at = all.indexOf(event.target);
    const to = step(event.key, at, all);
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = all[Math.max(0, Math.min(all.length - 1, to))];
    all.forEach((one) => { one.tabIndex = one === next ? 0 : -1; });
    next.focus();
  });
}
const line = (key, at, all) => {
  const right = all[at] && all[at].parentElement.dir === 'rtl' ? -1 : 1;
  return { ArrowRight: at + right, ArrowDown: at + 1, ArrowLeft: at - right, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
};

// --- the grid ------------------------------------------------------------------------------------------------------
let tiles = [];
function drawGrid() {
  const grid = find('grid'), { layers, weights } = map();
  const heads = Math.max(1, ...layers.map(({ heads: count }) => count || 0));
  const room = (grid.parentElement.clientWidth || 300) - 34, most = state.view === 'grid' ? 120 : 64;
  const size = Math.max(16, Math.min(most, Math.floor(room / heads) - 3));
  const had = document.activeElement && document.activeElement.closest('#grid');
  grid.style.setProperty('--tile', `${size}px`);
  grid.replaceChildren();
  const names = make('div', 'names');
  names.append(make('span', 'name'), ...Array.from({ length: heads }, (_, head) => make('span', 'top', `${head}`)));
  names.setAttribute('aria-hidden', 'true');
  grid.append(names);
  tiles = [];
  const pixels = (count) => Math.min(count, Math.ceil(size * (devicePixelRatio || 1)));
  layers.forEach(({ heads: count, gap }, layer) => {
    const row = make('div', 'layer');
    row.setAttribute('role', 'row');
    row.append(make('span', 'name', `${layer}`));
    if (!count) row.append(Object.assign(make('span', 'gap', gap[state.language]), { role: 'gridcell' }));
    for (let head = 0; head < (count || 0); head++) {
      const tile = make('button', 'tile'), canvas = make('canvas'), height = pixels(weights.rows), width = pixels(weights.columns);
      tile.setAttribute('role', 'gridcell');
      tile.setAttribute('aria-label', say('head', { layer, head }));
      tile.title = say('head', { layer, head });
      paint(canvas, weights.picture(layer, head, [height, width], shade, shown, true), height, width);
      tile.append(canvas);
      tile.onclick = () => open(layer, head);
      tile.dataset.place = `${layer}.${head}`;
      row.append(tile);
      tiles.push(tile);
    }
    grid.append(row);
  });
  markTile();
  if (had) tiles.find((tile) => tile.tabIndex === 0)?.focus();
}
function markTile() {
  tiles.forEach((tile) => {
    const chosen = tile.dataset.place === `${state.layer}.${state.head}`;
    tile.setAttribute('aria-selected', chosen);
    tile.tabIndex = chosen ? 0 : -1;
  });
}
find('grid').addEventListener('keydown', (event) => {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!step || !event.target.closest('.tile')) return;
  event.preventDefault();
  let layer = state.layer + step[0];
  while (map().layers[layer] && !map().layers[layer].heads) layer += step[0] || 1;
  const count = map().layers[layer]?.heads;
  if (!count) return;
  open(layer, Math.max(0, Math.min(count - 1, state.head + step[1])));
  tiles.find((tile) => tile.tabIndex === 0)?.focus();
});
function open(layer, head) {
  Object.assign(state, { layer, head, heads: new Set([head]), cell: null });
  markTile();
  drawHead();
}

// --- the head as a heatmap -----------------------------------------------------------------------------------------
const FAMILY = '"Noto Sans CJK SC", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans", sans-serif';
let frame = null;
function drawHeat() {
  const canvas = find('heat'), { weights, queries, keys } = map();
  const room = Math.max(220, canvas.parentElement.clientWidth), ratio = devicePixelRatio || 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const font = `${12 * ratio}px ${FAMILY}`;
  context.font = font;
  const short = (label) => apart(label.length > 12 ? `${label.slice(0, 11)}…` : label);
  const widest = (labels) => Math.min(96, Math.max(0, ...labels.map((label) => context.measureText(short(label)).width / ratio)) + 8);
  const few = weights.rows <= 40 && weights.columns <= 40;
  const left = few ? widest(queries.labels) : 4, top = few ? widest(keys.labels) : 4;
  const size = Math.min((room - left - 4) / weights.columns, Math.max(300, 420 - top) / weights.rows, 44);
  const [width, height] = [size * weights.columns, size * weights.rows];
  canvas.width = Math.ceil((left + width + 4) * ratio); canvas.height = Math.ceil((top + height + 4) * ratio);
  canvas.style.width = `${canvas.width / ratio}px`; canvas.style.height = `${canvas.height / ratio}px`;
  const pixels = [Math.min(weights.rows, 1024), Math.min(weights.columns, 1024)], cells = make('canvas');
  paint(cells, weights.picture(state.layer, state.head, pixels, shade, shown), ...pixels);
  context.imageSmoothingEnabled = size * ratio < 1;
  context.drawImage(cells, left * ratio, top * ratio, width * ratio, height * ratio);
  if (few && size >= 10) {
    context.font = font; context.fillStyle = data.colours[theme()].text; context.textBaseline = 'middle'; context.textAlign = 'right';
    queries.labels.forEach((label, at) => context.fillText(short(label), (left - 5) * ratio, (top + (at + 0.5) * size) * ratio));
    context.textAlign = 'left';
    keys.labels.forEach((label, at) => {
      context.save();
      context.translate((left + (across(at) + 0.5) * size) * ratio, (top - 5) * ratio);
      context.rotate(-Math.PI / 2);
      context.fillText(short(label), 0, 0);
      context.restore();
    });
  }
  frame = { left, top, size, ratio, under: context.getImageData(0, 0, canvas.width, canvas.height) };
  markHeat();
}
function markHeat() {
  const canvas = find('heat'), context = canvas.getContext('2d'), { left, top, size, ratio, under } = frame;
  const { rows, columns } = map().weights;
  context.putImageData(under, 0, 0);
  context.strokeStyle = data.colours[theme()].accent; context.lineWidth = 2 * ratio;
  const box = (x, y, width, height) => context.strokeRect((left + x * size) * ratio, (top + y * size) * ratio, Math.max(2, width * size) * ratio, Math.max(2, height * size) * ratio);
  const token = active();
  if (state.cell) box(across(state.cell[1]), state.cell[0], 1, 1);
  else if (token && token.side === 'query') box(0, token.at, columns, 1);
  else if (token) box(across(token.at), 0, 1, rows);
}
const under = (event) => {
  const box = find('heat').getBoundingClientRect(), { rows, columns } = map().weights;
  const [query, key] = [Math.floor((event.clientY - box.top - frame.top) / frame.size), Math.floor((event.clientX - box.left - frame.left) / frame.size)];
  return query >= 0 && key >= 0 && query < rows && key < columns ? [query, across(key)] : null;
};
function point(cell) {
  state.cell = cell;
  state.over = cell && { side: 'query', at: cell[0] };
  light();
}
Object.assign(find('heat'), {
  onmousemove: (event) => point(under(event)),
  onmouseleave: () => point(null),
  onclick: (event) => { const cell = under(event); if (cell) { pick({ side: 'query', at: cell[0] }); point(cell); } },
  onfocus: () => point(state.cell || [state.picked?.side === 'query' ? state.picked.at : 0, 0]),
  onblur: () => point(null),
  onkeydown: (event) => {
    const { rows, columns } = map().weights, [query, key] = state.cell || [0, 0], right = map().keys.rightToLeft ? -1 : 1;
    const to = { ArrowRight: [query, key + right], ArrowLeft: [query, key - right], ArrowDown: [query + 1, key], ArrowUp: [query - 1, key],
      Home: [query, 0], End: [query, columns - 1], PageUp: [0, key], PageDown: [rows - 1, key] }[event.key];
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); pick({ side: 'query', at: query }); point([query, key]); }
    if (!to) return;
    event.preventDefault();
    point([Math.max(0, Math.min(rows - 1, to[0])), Math.max(0, Math.min(columns - 1, to[1]))]);
  },
});

// --- tokens --------------------------------------------------------------------------------------------------------
function token(name, at, extra) {
  const { labels, special } = side(name), made = make('button', `token${special[at] ? ' special' : ''} ${extra || ''}`, labels[at]);
  const self = () => ({ side: name === 'text' ? state.looks : name, at });
  made.dataset.at = at;
  made.dir = 'auto'; // ## stays before the Hebrew letters that it stands before
  made.onmouseenter = made.onfocus = () => { state.over = self(); state.cell = null; light(); };
  made.onmouseleave = made.onblur = () => { state.over = null; light(); };
  made.onclick = () => pick(self());
  made.tabIndex = -1;
  return made;
}
function pick(chosen) {
  const again = state.picked && state.picked.side === chosen.side && state.picked.at === chosen.at;
  state.picked = again ? null : chosen;
  if (Math.max(map().weights.rows, map().weights.columns) > MOST && (chosen.at < state.from || chosen.at >= state.from + MOST)) {
    state.from = Math.max(0, chosen.at - MOST / 2);
    drawTokens(); drawArcs();
  }
  light();
}
let lines = {};
function drawTokens() {
  const box = find('tokens');
  box.replaceChildren();
  lines = {};
  (map().alone ? ['text'] : ['query', 'key']).forEach((name) => {
    const [first, last] = stretch(name === 'text' ? 'query' : name), row = make('div', 'line');
    row.dir = side(name === 'text' ? 'query' : name).rightToLeft ? 'rtl' : 'ltr';
    row.setAttribute('role', 'group');
    row.setAttribute('aria-label', say(name === 'text' ? 'tokens' : name === 'query' ? 'queries' : 'keys'));
    if (name !== 'text') box.append(make('div', 'caption', say(name === 'query' ? 'queries' : 'keys')));
    lines[name] = [];
    for (let at = first; at < last; at++) {
      if (name === 'text' && data.split === at) row.append(Object.assign(make('span', 'split'), { ariaHidden: true }));
      if (name === 'text' && map().border === at) row.append(make('span', 'border', say('answer')));
      lines[name].push(row.appendChild(token(name, at)));
    }
    if (lines[name].length) lines[name][0].tabIndex = 0;
    roving(row, line);
    box.append(row);
  });
}
function colour(buttons, weights, top) {
  const known = new Map(weights);
  buttons.forEach((button) => {
    const code = known.get(Number(button.dataset.at)), found = code === undefined ? null : ramps[theme()][step(shade(value(code), top))];
    button.style.background = found ? `rgb(${found})` : '';
    button.style.color = found ? ink(found) : '';
  });
}
const frames = (buttons, chosen, picked) => buttons.forEach((button) => {
  const at = Number(button.dataset.at);
  button.classList.toggle('active', chosen === at);
  button.setAttribute('aria-pressed', picked === at);
});

// --- arcs ----------------------------------------------------------------------------------------------------------
let columns = {};
function drawArcs() {
  const box = find('arcs');
  box.replaceChildren();
  columns = {};
  const drawing = document.createElementNS(NS, 'svg');
  drawing.setAttribute('aria-hidden', 'true');
  ['query', 'key'].forEach((name) => {
    const [first, last] = stretch(name), column = make('div', `column ${name}`);
    column.setAttribute('role', 'group');
    column.setAttribute('aria-label', say(name === 'query' ? 'queries' : 'keys'));
    columns[name] = [];
    for (let at = first; at < last; at++) columns[name].push(column.appendChild(token(name, at, 'small')));
    if (columns[name].length) columns[name][0].tabIndex = 0;
    roving(column, line);
    box.append(column);
    if (name === 'query') box.append(drawing);
  });
  const height = LINE * Math.max(columns.query.length, columns.key.length);
  drawing.setAttribute('height', height);
  drawing.setAttribute('viewBox', `0 0 100 ${height}`);
  drawing.setAttribute('preserveAspectRatio', 'none');
  const chips = find('heads'), count = map().layers[state.layer]?.heads || 0;
  chips.replaceChildren(...Array.from({ length: count }, (_, head) => {
    const chip = make('button', 'chip', `${head}`);
    chip.setAttribute('aria-pressed', state.heads.has(head));
    chip.setAttribute('aria-label', say('arcs_of', { head }));
    chip.style.setProperty('--series', series(head));
    chip.tabIndex = head ? -1 : 0;
    chip.onclick = () => {
      state.heads[state.heads.has(head) ? 'delete' : 'add'](head);
      chip.setAttribute('aria-pressed', state.heads.has(head));
      drawLines();
    };
    return chip;
  }));
}
function drawLines() {
  const drawing = find('arcs').querySelector('svg'), chosen = active(), found = [];
  const [queries, keys] = [stretch('query'), stretch('key')];
  const inside = ([low, high], at) => at >= low && at < high;
  let outside = 0, hidden = 0;
  [...state.heads].forEach((head) => {
    const add = (query, key, code) => {
      if (code < 2 || !shown(query, key)) return;
      if (!inside(queries, query) || !inside(keys, key)) outside += 1;
      else if (value(code) < LEAST) hidden += 1;
      else found.push([value(code), query, key, head]);
    };
    if (chosen) from(head, chosen).forEach(([other, code]) => (chosen.side === 'query' ? add(chosen.at, other, code) : add(other, chosen.at, code)));
    else for (let query = queries[0]; query < queries[1]; query++) map().weights.each(state.layer, head, query, (key, code) => add(query, key, code));
  });
  found.sort((a, b) => b[0] - a[0]);
  const drawn = found.slice(0, ARCS).reverse();
  drawing.replaceChildren(...drawn.map(([weight, query, key, head]) => {
    const path = document.createElementNS(NS, 'path'), [y, z] = [(query - queries[0] + 0.5) * LINE, (key - keys[0] + 0.5) * LINE];
    path.setAttribute('d', `M0 ${y}C50 ${y} 50 ${z} 100 ${z}`);
    path.setAttribute('stroke', state.heads.size > 1 ? series(head) : data.series[theme()][0]);
    path.setAttribute('stroke-opacity', Math.min(1, 0.06 + weight).toFixed(3));
    path.setAttribute('stroke-width', (0.6 + 3.4 * weight).toFixed(2));
    path.dataset.pair = `${query}-${key}`;
    return path;
  }));
  hidden += found.length - drawn.length;
  const least = found.length > ARCS ? drawn[0][0] : LEAST;
  find('arcs-note').textContent = [
    hidden ? say('arcs_hidden', { hidden, least: least.toPrecision(2) }) : '', outside ? say('arcs_outside', { outside }) : '',
  ].filter(Boolean).join(' ');
}

// --- what is pointed at --------------------------------------------------------------------------------------------
const NBSP = '\u00a0';
function light() {
  const chosen = active(), { head } = state;
  const known = chosen ? from(head, chosen) : [], top = known.length ? value(known[0][1]) : 1;
  Object.entries(columns).forEach(([name, buttons]) => {
    colour(buttons, chosen && chosen.side !== name ? known : [], top);
    frames(buttons, chosen && chosen.side === name ? chosen.at : null, state.picked && state.picked.side === name ? state.picked.at : null);
  });
  Object.entries(lines).forEach(([name, buttons]) => {
    const own = name === 'text' ? chosen : chosen && chosen.side === name;
    colour(buttons, chosen && (name === 'text' || chosen.side !== name) ? known : [], top);
    frames(buttons, own ? chosen.at : null, own && state.picked ? state.picked.at : null);
  });
  drawLines();
  markHeat();
  find('said').textContent = state.cell ? tellCell(...state.cell) : tellToken(chosen, known);
}
function tellCell(query, key) {
  const found = map().weights.cell(state.layer, state.head, query, key);
  const places = { query: apart(map().queries.labels[query]), key: apart(map().keys.labels[key]) };
  if (found.code === NOT_ALLOWED) return say('cell_not_allowed', places);
  if (found.code !== undefined) return say('cell', { ...places, weight: written(found.code) });
  return found.most === undefined ? say('cell_unknown', places) : say('cell_most', { ...places, weight: written(found.most), ranks: map().weights.ranks[state.layer] });
}
function tellToken(chosen, known) {
  if (!chosen) return say('hint');
  const other = side(chosen.side === 'query' ? 'key' : 'query').labels, best = known.slice(0, 5);
  const found = best.map(([at, code]) => `${apart(other[at])}${NBSP}${written(code)}`).join(' · ');
  const more = map().weights.whole(state.layer, state.head) ? '' : kept(chosen, known);
  return say(chosen.side === 'query' ? 'looks' : 'seen', { token: apart(side(chosen.side).labels[chosen.at]), found: found || '–' }) + more;
}
function kept(chosen, known) {
  if (chosen.side === 'key') return ` ${say('seen_kept')}`;
  const sum = known.reduce((total, [, code]) => total + value(code), 0);
  return ` ${say('looks_kept', { count: known.length, sum: sum.toFixed(2) })}`;
}

// --- the page ------------------------------------------------------------------------------------------------------
function tellData() {
  const { weights, sent } = map(), whole = Boolean(weights.whole(state.layer, state.head));
  const parts = [say('digits')], [low, high] = sent.sums || [1, 1];
  if (low < 0.98 || high > 1.02) parts.push(say('sums', { low: low.toPrecision(2), high: high.toPrecision(2) }));
  if (!sent.all && sent.boxes) {
    parts.push(say(whole ? 'this_whole' : 'this_kept', { ranks: weights.ranks[state.layer] || 0 }));
    if (sent.place) parts.push(say('whole_head', { layer: sent.place[0], head: sent.place[1] }));
    parts.push(say('kept', { share: (100 * sent.share).toFixed(0), down: sent.boxes[0], across: sent.boxes[1] }));
  }
  find('data-note').textContent = parts.join(' ');
  find('stretch').hidden = Math.max(weights.rows, weights.columns) <= MOST;
  const [first, last] = stretch(weights.rows >= weights.columns ? 'query' : 'key');
  find('stretch-said').textContent = say('stretch', { first, last: last - 1, count: Math.max(weights.rows, weights.columns) });
}
function drawHead() {
  find('name').textContent = say('head', { layer: state.layer, head: state.head });
  find('heat').setAttribute('aria-label', say('heatmap', { layer: state.layer, head: state.head }));
  drawHeat(); drawTokens(); drawArcs(); tellData(); light();
}
function choose(name, values, label, chosen, act) {
  const box = find(name);
  box.hidden = values.length < 2;
  box.setAttribute('aria-label', say(name));
  box.replaceChildren(...values.map((one) => {
    const button = make('button', '', label(one));
    button.setAttribute('aria-pressed', one === chosen());
    button.tabIndex = one === chosen() ? 0 : -1;
    button.dataset.value = one;
    button.onclick = () => { act(one); draw(); find(name).querySelector('[aria-pressed=true]')?.focus(); };
    return button;
  }));
}
function draw() {
  page.lang = state.language; page.dataset.theme = theme(); page.dataset.view = state.view;
  Object.entries(data.colours[theme()]).forEach(([name, found]) => { if (typeof found === 'string') page.style.setProperty(`--${name.replace('_', '-')}`, found); });
  page.style.setProperty('--bar', `linear-gradient(to right, ${data.colours[theme()].ramp.join()})`);
  document.querySelectorAll('[data-say]').forEach((one) => { one.textContent = say(one.dataset.say); });
  document.querySelectorAll('[data-label]').forEach((one) => { one.setAttribute('aria-label', say(one.dataset.label)); one.title = say(one.dataset.label); });
  find('facts').textContent = data.facts[state.language];
  choose('maps', maps.map((_, number) => number), (number) => maps[number].label[state.language], () => state.map, (number) => {
    const layers = maps[number].layers, layer = layers[state.layer]?.heads ? state.layer : layers.findIndex(({ heads }) => heads);
    const head = Math.min(state.head, (layers[layer]?.heads || 1) - 1);
    Object.assign(state, { map: number, layer, head, heads: new Set([head]), picked: null, over: null, cell: null, from: 0 });
  });
  choose('scales', ['unit', 'row', 'log'], (one) => say(`scale_${one}`), () => state.scale, (one) => { state.scale = one; });
  choose('views', ['head', 'grid'], (one) => say(`view_${one}`), () => state.view, (one) => { state.view = one; });
  choose('blocks', data.split === null || !map().alone ? [] : ['all', 'aa', 'ab', 'ba', 'bb'], (one) => (one === 'all' ? say('block_all') : `${one[0]} → ${one[1]}`.toUpperCase()), () => state.block, (one) => { state.block = one; });
  choose('directions', map().alone ? ['query', 'key'] : [], (one) => say(`direction_${one}`), () => state.looks, (one) => {
    state.looks = one;
    if (state.picked) state.picked = { side: one, at: state.picked.at };
  });
  choose('languages', ['zh', 'en'], (one) => ({ zh: '中文', en: 'English' })[one], () => state.language, (one) => { state.language = one; });
  choose('themes', ['auto', 'light', 'dark'], (one) => say(`theme_${one}`), () => state.theme, (one) => { state.theme = one; });
  find('bar-low').textContent = say(`bar_low_${state.scale}`); find('bar-high').textContent = say(`bar_high_${state.scale}`);
  drawGrid(); drawHead();
}
['maps', 'scales', 'views', 'blocks', 'directions', 'languages', 'themes', 'heads'].forEach((name) => roving(find(name), line));
const move = (step) => { state.from = Math.max(0, Math.min(Math.max(map().weights.rows, map().weights.columns) - MOST, state.from + step)); drawTokens(); drawArcs(); tellData(); light(); };
find('before').onclick = () => move(-MOST);
find('after').onclick = () => move(MOST);
page.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') { Object.assign(state, { picked: null, over: null, cell: null }); light(); }
});
// The notebook around says whether it is dark; a page by itself goes by the browser.
let framed = false;
const tellHeight = () => { if (framed) parent.postMessage({ attnvizHeight: Math.ceil(document.body.getBoundingClientRect().height) }, '*'); };
addEventListener('message', ({ data: told, source }) => {
  if (source !== parent || !told || !('attnvizDark' in told)) return;
  framed = true;
  if (typeof told.attnvizDark === 'boolean' && told.attnvizDark !== state.outside) { state.outside = told.attnvizDark; draw(); }
  tellHeight();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
let wide = 0;
new ResizeObserver(() => { if (Math.abs(innerWidth - wide) > 1) { wide = innerWidth; drawGrid(); drawHeat(); } tellHeight(); }).observe(document.body);
draw();
