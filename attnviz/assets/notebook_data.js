// The weights of a page, unpacked: three significant digits each, as codes of two bytes (attnviz/notebook/codes.py).
const inflate = (() => {
  // RFC 1951, by hand: half a megabyte takes a few hundredths of a second, and no browser need know how by itself.
  const BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const MORE = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const BACK = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  // A table that the next bits are looked up in: symbol x 16 + the length of its code.
  const code = (lengths) => {
    const most = Math.max(1, ...lengths), table = new Uint16Array(1 << most), next = new Uint16Array(17), count = new Uint16Array(16);
    lengths.forEach((length) => { count[length] += 1; });
    count[0] = 0;
    for (let length = 1; length <= most; length++) next[length + 1] = (next[length] + count[length]) << 1;
    lengths.forEach((length, symbol) => {
      if (!length) return;
      let turned = 0;
      for (let i = 0, word = next[length]++; i < length; i++, word >>= 1) turned = (turned << 1) | (word & 1);
      for (let at = turned; at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
    });
    return { most, table };
  };
  const fill = (...runs) => runs.flatMap(([value, times]) => Array(times).fill(value));
  const FIXED = [code(fill([8, 144], [9, 112], [7, 24], [8, 8])), code(fill([5, 30]))];
  return (source, size) => {
    const out = new Uint8Array(size);
    let at = 0, from = 0, held = 0, kept = 0;
    const bits = (need) => {
      while (kept < need) { held |= source[from++] << kept; kept += 8; }
      const value = held & ((1 << need) - 1);
      held >>>= need; kept -= need;
      return value;
    };
    const symbol = ({ most, table }) => {
      while (kept < most) { held |= source[from++] << kept; kept += 8; }
      const found = table[held & ((1 << most) - 1)], length = found & 15;
      if (!length) throw new Error('damaged data');
      held >>>= length; kept -= length;
      return found >> 4;
    };
    const dynamic = () => {
      const literals = bits(5) + 257, distances = bits(5) + 1, short = new Array(19).fill(0), lengths = [];
      for (let n = bits(4) + 4, i = 0; i < n; i++) short[ORDER[i]] = bits(3);
      const small = code(short);
      while (lengths.length < literals + distances) {
        const found = symbol(small);
        if (found < 16) lengths.push(found);
        else if (found === 16) lengths.push(...Array(3 + bits(2)).fill(lengths[lengths.length - 1]));
        else lengths.push(...Array(found === 17 ? 3 + bits(3) : 11 + bits(7)).fill(0));
      }
      return [code(lengths.slice(0, literals)), code(lengths.slice(literals))];
    };
    for (let last = 0; !last;) {
      last = bits(1);
      const kind = bits(2);
      if (kind === 0) {
        from -= kept >> 3;
        held = kept = 0;
        const length = source[from] | (source[from + 1] << 8);
        out.set(source.subarray(from + 4, from + 4 + length), at);
        at += length; from += 4 + length;
        continue;
      }
      const [literal, distance] = kind === 1 ? FIXED : dynamic();
      for (let found = symbol(literal); found !== 256; found = symbol(literal)) {
        if (found < 256) { out[at++] = found; continue; }
        const length = BASE[found - 257] + bits(MORE[found - 257]), step = symbol(distance);
        const back = BACK[step] + bits(step < 4 ? 0 : (step >> 1) - 1);
        for (const end = at + length; at < end; at++) out[at] = out[at - back];
      }
    }
    if (at !== size) throw new Error('damaged data');
    return out;
  };
})();

const bytes = (text, size) => inflate(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), size);
// Low bytes first, then high ones.
const pairs = (text, size) => {
  const raw = bytes(text, 2 * size), found = new Uint16Array(size);
  for (let i = 0; i < size; i++) found[i] = raw[i] | (raw[size + i] << 8);
  return found;
};

const NOT_ALLOWED = 0, ZERO = 1;
const digits = (code) => [100 + ((code - 2) % 900), 3 - Math.floor((code - 2) / 900)]; // mantissa, power of ten
const VALUES = new Float64Array(2 ** 16).fill(-1); // a code's weight, once it was asked for
const value = (code) => {
  if (code <= ZERO) return code === ZERO ? 0 : NaN;
  if (VALUES[code] < 0) { const [mantissa, power] = digits(code); VALUES[code] = Number(`${mantissa}e${power - 2}`); }
  return VALUES[code];
};
const written = (code) => {
  if (code === ZERO) return '0';
  const [mantissa, power] = digits(code);
  return power < -4 ? `${(mantissa / 100).toFixed(2)}e${power}` : value(code).toFixed(Math.max(0, 2 - power));
};

// One map. Of a head there is everything (`whole`), or the strongest weights of each row and the means of the rest.
class Weights {
  constructor(map) {
    const { sent } = map;
    this.rows = map.queries.labels.length;
    this.columns = (map.keys || map.queries).labels.length;
    this.first = []; // of each layer, the number of its first head
    this.sent = sent;
    let heads = 0;
    this.layers = map.layers;
    map.layers.forEach(({ heads: count }, layer) => { this.first[layer] = heads; heads += count || 0; });
    const cells = this.rows * this.columns;
    if (sent.all) this.all = pairs(sent.all, heads * cells);
    if (sent.one) this.one = pairs(sent.one, cells);
    if (!sent.boxes) return;
    const open = map.layers.map((_, layer) => layer).filter((layer) => map.layers[layer].heads);
    this.start = {}; this.ranks = {}; // of each layer: where its kept weights begin, and how many there are of a row
    let kept = 0;
    open.forEach((layer, n) => {
      this.start[layer] = kept; this.ranks[layer] = sent.ranks[n];
      kept += map.layers[layer].heads * this.rows * sent.ranks[n];
    });
    this.keys = pairs(sent.keys, kept);
    this.codes = pairs(sent.weights, kept);
    this.rest = bytes(sent.rest, heads * sent.boxes[0] * sent.boxes[1]);
  }

  whole(layer, head) {
    const cells = this.rows * this.columns, number = this.first[layer] + head;
    if (this.all) return this.all.subarray(number * cells, (number + 1) * cells);
    const { place } = this.sent;
    return this.one && place[0] === layer && place[1] === head ? this.one : null;
  }

  // Visit all that is known of a row, in no order: visit(key, code); not allowed is left out. `rough`: what is kept of
  // every head, also of the one that is whole, so that small pictures of heads can be compared.
  each(layer, head, query, visit, rough = false) {
    const whole = rough && this.sent.boxes ? null : this.whole(layer, head);
    if (whole) {
      for (let key = 0, at = query * this.columns; key < this.columns; key++, at++) if (whole[at]) visit(key, whole[at]);
    } else {
      const ranks = this.ranks[layer], at = this.start[layer] + (head * this.rows + query) * ranks;
      for (let i = at; i < at + ranks; i++) if (this.codes[i]) visit(this.keys[i], this.codes[i]);
    }
  }

  // The same, the strongest first: [[key, code], ...].
  row(layer, head, query) {
    const found = [];
    this.each(layer, head, query, (key, code) => found.push([key, code]));
    return found.sort((a, b) => value(b[1]) - value(a[1]));
  }

  largest(layer, head, query, rough) {
    let top = 0;
    this.each(layer, head, query, (_, code) => { top = Math.max(top, value(code)); }, rough);
    return top;
  }

  // All that is known of a column: [[query, code], ...].
  column(layer, head, key) {
    const whole = this.whole(layer, head), found = [];
    for (let query = 0; query < this.rows; query++) {
      if (whole) { if (whole[query * this.columns + key]) found.push([query, whole[query * this.columns + key]]); }
      else this.each(layer, head, query, (other, code) => { if (other === key) found.push([query, code]); });
    }
    return found.sort((a, b) => value(b[1]) - value(a[1]));
  }

  // One weight: its code; or `most`, the code of a bound, where it is not among those kept.
  cell(layer, head, query, key) {
    const whole = this.whole(layer, head);
    if (whole) return { code: whole[query * this.columns + key] };
    const row = this.row(layer, head, query), hit = row.find(([k]) => k === key);
    if (hit) return { code: hit[1] };
    if (row.length < this.ranks[layer]) return { code: NOT_ALLOWED }; // all that are allowed are kept
    return row.length ? { most: row[row.length - 1][1] } : {};
  }

  // A picture of `height` x `width` shades: the largest weight under each pixel that is known; NaN is not allowed.
  // `shade(value, largest of the row)` is 0 to 1; what `shown(query, key)` leaves out is -1; `rough` as in `each`.
  picture(layer, head, [height, width], shade, shown, rough = false) {
    const out = new Float32Array(height * width).fill(NaN);
    if (this.sent.boxes && (rough || !this.whole(layer, head))) this.ground(layer, head, [height, width], shade, out);
    for (let query = 0; query < this.rows; query++) {
      const top = this.largest(layer, head, query, rough), row = Math.floor(query * height / this.rows) * width;
      this.each(layer, head, query, (key, code) => {
        const at = row + Math.floor(key * width / this.columns), found = shown(query, key) ? shade(value(code), top) : -1;
        if (!(out[at] >= found)) out[at] = found;
      }, rough);
    }
    return out;
  }

  // What was not kept, by boxes: a mean in one byte, a step of its logarithm.
  ground(layer, head, [height, width], shade, out) {
    const [down, across] = this.sent.boxes, start = (this.first[layer] + head) * down * across;
    const middle = (at, size, places) => Math.floor((at + 0.5) * places / size);
    for (let y = 0; y < height; y++) {
      const query = middle(y, height, this.rows), row = Math.floor(query * down / this.rows);
      const top = this.largest(layer, head, query, true) || 1;
      for (let x = 0; x < width; x++) {
        const box = this.rest[start + row * across + Math.floor(middle(x, width, this.columns) * across / this.columns)];
        if (box) out[y * width + x] = shade(box > 1 ? 10 ** ((box - 1) / 254 * 4 - 4) : 0, top);
      }
    }
  }
}
