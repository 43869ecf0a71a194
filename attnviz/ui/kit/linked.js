// Pointing at a token, a cell, a tile or the formula shows the same pair in all the others, without the server. Each tells
// the window what is pointed at: { from, query, key } by token, from the grid { from, shares } too; nothing when it is left.
const linked = (window.attnvizLinked ??= { heard: new WeakSet(), asked: 0 });
const tellAll = (from, pair = {}) => window.dispatchEvent(new CustomEvent("attnviz-point", { detail: { from, ...pair } }));
const chartIn = (place) => document.querySelector(`.${CSS.escape(place)} .js-plotly-plot`);

// Listens to a chart once it is first pointed at: a chart is drawn anew with every answer of the server.
function hearPointing(chart, kind) {
  if (!chart.on || linked.heard.has(chart)) return;
  linked.heard.add(chart);
  chart.on("plotly_hover", ({ points: [point] }) => {
    if (kind === "head") tellAll("grid", { shares: sharesOf(chart, point.pointNumber), tile: point.customdata });
    else tellAll("heatmap", { query: point.data.meta?.queries[point.y], key: point.data.meta?.keys[point.x] });
  });
  chart.on("plotly_unhover", () => tellAll(kind === "head" ? "grid" : "heatmap"));
}

// A tile's weights as shares of the scale `[query][key]`; null where a cell of it stands for several.
function sharesOf(chart, place) {
  const [cells, points] = chart._fullData, { down, across, exact } = cells.meta ?? {};
  if (!exact) return null;
  const top = Math.round(points.y[place] - (down[0] - 1) / 2), left = Math.round(points.x[place] - (across[0] - 1) / 2);
  return Array.from({ length: down[0] }, (_, row) => Array.from(cells.z[top + row].slice(left, left + across[0]), (byte) => (byte <= 200 ? byte / 200 : 0)));
}

function frames(chart) {
  let box = chart.querySelector(".linked");
  if (!box) {
    box = Object.assign(document.createElement("div"), { className: "linked", ariaHidden: "true" });
    Object.assign(box.style, { position: "absolute", inset: 0, pointerEvents: "none" });
    chart.querySelector(".svg-container")?.append(box);
  }
  return box;
}

// A dashed frame round cells of a chart, from one column and row to another.
function frame(chart, [left, right], [top, bottom], box) {
  const { xaxis: across, yaxis: down } = chart._fullLayout;
  const [x, y] = [[across, left, right], [down, top, bottom]].map(([axis, from, to]) =>
    [axis.c2p(from - 0.5), axis.c2p(to + 0.5)].sort((a, b) => a - b).map((at) => axis._offset + at));
  const made = document.createElement("div");
  Object.assign(made.style, {
    position: "absolute", left: `${x[0]}px`, top: `${y[0]}px`, width: `${x[1] - x[0]}px`, height: `${y[1] - y[0]}px`,
    outline: "2px dashed #e8590c", outlineOffset: "-1px",
  });
  box.append(made);
}

// The row that looks, the column that is looked at, or the one cell of both.
function showPair(chart, { query, key }) {
  const { queries, keys } = chart._fullData[0].meta ?? {}, box = frames(chart);
  box.replaceChildren();
  const [row, column] = [queries?.indexOf(query) ?? -1, keys?.indexOf(key) ?? -1];
  if (row < 0 && column < 0) return;
  frame(chart, column < 0 ? [0, keys.length - 1] : [column, column], row < 0 ? [0, queries.length - 1] : [row, row], box);
}

// The same row in every tile.
function showRow(chart, row, rows) {
  const [cells, points] = chart._fullData, { down, across } = cells.meta ?? {}, box = frames(chart);
  box.replaceChildren();
  if (!down || row < 0) return;
  points.x.forEach((x, tile) => {
    const top = points.y[tile] - (down[0] - 1) / 2, high = down[0] / rows, left = x - (across[0] - 1) / 2;
    frame(chart, [left, left + across[0] - 1], [top + row * high, top + (row + 1) * high - 1], box);
  });
}

function answer({ detail: { from, query, key } }) {
  const heatmap = chartIn(linked.charts.cell), grid = chartIn(linked.charts.head), meta = heatmap?._fullData?.[0].meta;
  if (!meta) return;
  if (from !== "heatmap") showPair(heatmap, { query, key });
  if (from !== "grid" && grid?._fullData) showRow(grid, meta.queries.indexOf(query), meta.queries.length);
}

function pointed({ target }) {
  const chart = target.closest?.(".js-plotly-plot");
  const kind = chart && ["cell", "head"].find((one) => chart.closest(`.${CSS.escape(linked.charts[one])}`));
  if (kind) hearPointing(chart, kind);
  const why = target.closest?.(`.${CSS.escape(linked.charts.why)}`);
  if (Boolean(why) === Boolean(linked.why)) return;
  linked.why = why;
  const [query, key] = chartIn(linked.charts.cell)?.layout?.meta?.cell ?? [];
  tellAll("why", why ? { query, key } : {});
}

function link(charts) {
  if (!charts.cell || !charts.head) return;
  if (!linked.charts) {
    window.addEventListener("attnviz-point", answer);
    document.addEventListener("pointerover", pointed);
  }
  linked.charts = charts;
}

