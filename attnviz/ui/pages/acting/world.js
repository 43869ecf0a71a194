// How a world of cells is drawn: walls, things by shape and by the name of their colour, the agent as an arrowhead.
// Light lies on the floor under the things, so that what is lit stays what it is.
const INKS = { red: "#b3261e", green: "#1f7a38", blue: "#1557b8", purple: "#6b2fa8", yellow: "#8a6400", grey: "#4f5661" };
const FLOOR = "#fbfaf7", LINE = "#d9d6cf", WALL = "#6f7682", DARK = "#1f2430", ARROW = "#a4123f";
const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // right, down, left, up

const inked = (pen, colour, side) => {
  pen.fillStyle = pen.strokeStyle = INKS[colour] ?? DARK;
  pen.lineWidth = Math.max(1, side * 0.07);
  pen.lineJoin = pen.lineCap = "round";
};
const round = (pen, x, y, radius, full = true) => {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  full ? pen.fill() : pen.stroke();
};

// Each kind in a square of side `s` whose left upper corner is x, y; `state` is a door's.
const SHAPES = {
  key(pen, x, y, s) {
    round(pen, x + 0.34 * s, y + 0.36 * s, 0.13 * s, false);
    for (const [a, b, c, d] of [[0.47, 0.36, 0.8, 0.36], [0.78, 0.36, 0.78, 0.52], [0.66, 0.36, 0.66, 0.47]]) {
      pen.beginPath();
      pen.moveTo(x + a * s, y + b * s);
      pen.lineTo(x + c * s, y + d * s);
      pen.stroke();
    }
  },
  ball(pen, x, y, s) { round(pen, x + 0.5 * s, y + 0.4 * s, 0.23 * s); },
  box(pen, x, y, s) {
    pen.strokeRect(x + 0.26 * s, y + 0.18 * s, 0.48 * s, 0.44 * s);
    pen.beginPath();
    pen.moveTo(x + 0.26 * s, y + 0.36 * s);
    pen.lineTo(x + 0.74 * s, y + 0.36 * s);
    pen.stroke();
  },
  door(pen, x, y, s, state) {
    if (state === "open") {
      pen.strokeRect(x + 0.08 * s, y + 0.06 * s, 0.84 * s, 0.88 * s);
      return pen.fillRect(x + 0.08 * s, y + 0.06 * s, 0.14 * s, 0.88 * s);
    }
    pen.globalAlpha = 0.22;
    pen.fillRect(x + 0.08 * s, y + 0.06 * s, 0.84 * s, 0.88 * s);
    pen.globalAlpha = 1;
    pen.strokeRect(x + 0.08 * s, y + 0.06 * s, 0.84 * s, 0.88 * s);
    round(pen, x + 0.74 * s, y + 0.42 * s, 0.07 * s);
    if (state !== "locked") return;
    pen.strokeRect(x + 0.3 * s, y + 0.36 * s, 0.26 * s, 0.2 * s);
    pen.beginPath();
    pen.arc(x + 0.43 * s, y + 0.36 * s, 0.09 * s, Math.PI, 0);
    pen.stroke();
  },
  goal(pen, x, y, s) {
    pen.beginPath();
    pen.moveTo(x + 0.34 * s, y + 0.86 * s);
    pen.lineTo(x + 0.34 * s, y + 0.14 * s);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x + 0.34 * s, y + 0.14 * s);
    pen.lineTo(x + 0.8 * s, y + 0.3 * s);
    pen.lineTo(x + 0.34 * s, y + 0.46 * s);
    pen.fill();
  },
};

const ground = (pen, [x, y, right, bottom]) => {
  pen.fillStyle = FLOOR;
  pen.fillRect(x, y, right - x, bottom - y);
  pen.strokeStyle = LINE;
  pen.lineWidth = 1;
  pen.strokeRect(x + 0.5, y + 0.5, right - x - 1, bottom - y - 1);
};

const wall = (pen, [x, y, right, bottom]) => {
  const s = right - x;
  pen.fillStyle = WALL;
  pen.fillRect(x, y, s, bottom - y);
  if (s < 16) return;
  pen.strokeStyle = "rgba(255,255,255,0.35)";
  pen.lineWidth = 1;
  pen.beginPath();
  for (const part of [1 / 3, 2 / 3]) { pen.moveTo(x, y + part * s); pen.lineTo(right, y + part * s); }
  for (const [across, from] of [[0.5, 0], [0.25, 1 / 3], [0.75, 1 / 3], [0.5, 2 / 3]]) {
    pen.moveTo(x + across * s, y + from * s);
    pen.lineTo(x + across * s, y + (from + 1 / 3) * s);
  }
  pen.stroke();
};

// A word in a cell, readable on whatever lies there.
const written = (pen, word, [x, , right, bottom], size, wide = right - x) => {
  pen.font = `600 ${size}px sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.lineWidth = size / 4;
  pen.lineJoin = "round";
  pen.strokeStyle = "rgba(255,255,255,0.92)";
  pen.strokeText(word, (x + right) / 2, bottom - 1, wide);
  pen.fillStyle = DARK;
  pen.fillText(word, (x + right) / 2, bottom - 1, wide);
};

const thing = (pen, [kind, colour, state], [x, y, right]) => {
  const side = right - x;
  inked(pen, colour, side);
  SHAPES[kind]?.(pen, x, y, side, state);
};

// The agent, pointing where it faces; what it carries is drawn small on it.
const agent = (pen, turn, carried, box) => {
  const [x, y] = middle(box), side = box[2] - box[0], [dx, dy] = TURNS[turn];
  const at = (along, aside) => [x + side * (along * dx - aside * dy), y + side * (along * dy + aside * dx)];
  pen.beginPath();
  pen.moveTo(...at(0.4, 0));
  pen.lineTo(...at(-0.32, 0.32));
  pen.lineTo(...at(-0.18, 0));
  pen.lineTo(...at(-0.32, -0.32));
  pen.closePath();
  pen.fillStyle = ARROW;
  pen.fill();
  pen.strokeStyle = "#fff";
  pen.lineWidth = Math.max(1, side * 0.04);
  pen.stroke();
  if (!carried || side < 16) return;
  const small = [box[0] + 0.5 * side, box[1] + 0.02 * side, box[0] + 0.98 * side, box[1] + 0.5 * side];
  pen.fillStyle = "rgba(255,255,255,0.9)";
  round(pen, ...middle(small), 0.24 * side);
  thing(pen, carried, small);
};

// The way that was gone, as a line through the middles of cells.
const way = (pen, points, dash, colour, width) => {
  pen.setLineDash(dash);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  points.forEach((point) => pen.lineTo(...point));
  pen.stroke();
  pen.setLineDash([]);
};
