// Singular values with a rank, and the filters that are left, from the vectors alone.

const SHOWN = 12;
const HEIGHT = 250;

/** Take the layers out of the model's buffers. */
export function read(model) {
  const values = typed(model.get("values"), Float64Array);
  const vectors = typed(model.get("vectors"), Float32Array);
  const layers = {};
  let [value, vector] = [0, 0];
  model.get("layers").forEach((name, place) => {
    const [rows, columns, positions, high, wide] = model.get("shapes")[place];
    const [count, shown] = [Math.min(rows, columns), Math.min(rows, SHOWN)];
    layers[name] = {
      rows, columns, positions, tile: [high, wide], shown,
      values: values.subarray(value, value + count),
      left: vectors.subarray(vector, vector + shown * count),
      right: vectors.subarray(vector + shown * count, vector + (shown + columns) * count),
    };
    value += count;
    vector += (shown + columns) * count;
  });
  return layers;
}

/** What the first `rank` terms keep; as `at_rank` in Python. */
export function atRank({ rows, columns, positions, shown, values, left, right }, rank) {
  let [kept, total] = [0, 0];
  values.forEach((value, i) => {
    total += value * value;
    if (i < rank) kept += value * value;
  });
  const picture = new Float64Array(shown * columns);
  for (let row = 0; row < shown; row++) {
    for (let i = 0; i < rank; i++) {
      const factor = left[row * values.length + i];
      for (let j = 0; j < columns; j++) picture[row * columns + j] += factor * right[i * columns + j];
    }
  }
  const [weights, dense] = [rank * (rows + columns), rows * columns];
  return {
    rank, picture,
    energy: kept / total,
    error: Math.max(0, 1 - kept / total) ** 0.5,
    weights, denseWeights: dense,
    macs: weights * positions, denseMacs: dense * positions,
    breakEven: dense / (rows + columns),
  };
}

export default {
  render({ model, el }) {
    root(el, "spectrum", "Singular values and rank");
    const layers = read(model);
    const whole = Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, atRank(layer, layer.values.length).picture]));
    const set = setter(model);
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const slider = sliderRow("Rank", { min: 1 }, (rank) => set("rank", rank));
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field),
      element("div", { class: "wts-panels" }, picture),
      slider.row, readout,
    );

    function show(width) {
      const name = model.get("layer");
      const one = layers[name];
      const now = atRank(one, Math.min(model.get("rank"), one.values.length));
      layer.select.value = name;
      slider.range.max = one.values.length;
      slider.range.value = now.rank;
      slider.shown.textContent = `${now.rank} of ${one.values.length}`;
      slider.range.setAttribute("aria-valuetext", `rank ${now.rank}: energy kept ${percent(now.energy)}, ${percent(now.weights / now.denseWeights)} of the weights`);
      readout.replaceChildren(
        entry("Energy kept", percent(now.energy), "sum of squares"),
        entry("Error", percent(now.error), "of the norm of the matrix"),
        entry("Weights", significant(now.weights), `${percent(now.weights / now.denseWeights)} of ${significant(now.denseWeights)}`),
        entry("MACs", significant(now.macs), `instead of ${significant(now.denseMacs)}`),
        entry("Break-even rank", significant(now.breakEven), now.weights < now.denseWeights ? "this rank saves weights" : "this rank saves none"),
      );
      if (!width) return;
      const [first, second] = sideBySide(picture, width, 0.4);
      const half = (second - 14) / 2;
      picture.replaceChildren(
        drawValues(first, one, now),
        element("div", { style: "display:grid;grid-template-columns:1fr 1fr;gap:14px" },
          drawFilters(el, half, one, whole[name], whole[name], "whole"),
          drawFilters(el, half, one, now.picture, whole[name], `rank ${now.rank}`)));
    }

    return keepShown(model, ["layer", "rank"], picture, show);
  },
};

/** Singular values as bars: the kept ones filled, the others hatched; the break-even rank is a dashed line. */
function drawValues(width, { values }, now) {
  const [left, right, top, bottom] = [46, width - 8, 30, HEIGHT - 48];
  const count = values.length;
  const x = (rank) => left + (rank / count) * (right - left);
  const y = (value) => bottom - (value / (values[0] * 1.04)) * (bottom - top);
  const hatch = unique("hatch");
  const svg = shape("svg", {
    height: HEIGHT, role: "img",
    "aria-label": `${count} singular values from ${significant(values[0])} to ${significant(values[count - 1])}. Rank ${now.rank} keeps ${percent(now.energy)} of the energy.`,
  });
  svg.append(shape("defs", {}, hatching(hatch)));
  gridLines(svg, { left, right, y }, ticks(0, values[0], 4), (level) => significant(level));
  svg.append(shape("text", { x: 0, y: 12 }, "singular value"));
  const gap = Math.min(2, (right - left) / count / 5);
  const bars = (from, to) => Array.from({ length: to - from }, (_, i) => from + i).map((i) =>
    `M${(x(i) + gap / 2).toFixed(2)} ${bottom}V${y(values[i]).toFixed(2)}H${(x(i + 1) - gap / 2).toFixed(2)}V${bottom}Z`).join("");
  svg.append(
    shape("path", { class: "kept", d: bars(0, now.rank) }),
    shape("path", { class: "removed-back", d: bars(now.rank, count) }),
    shape("path", { d: bars(now.rank, count), fill: `url(#${hatch})` }));
  axisBelow(svg, { left, right, bottom, x }, placesFor(0, count, (right - left) / 60).filter(Number.isInteger), "rank");
  const even = Math.min(count, now.breakEven);
  svg.append(
    shape("path", { class: "mark", d: `M${x(even)} ${top - 4}V${bottom}` }),
    shape("text", { x: x(even) - 5, y: top + 6, "text-anchor": "end" }, "break-even"),
    shape("path", { class: "threshold", d: `M${x(now.rank)} ${top - 4}V${bottom}` }),
    shape("rect", { x: left, y: bottom + 36, width: 16, height: 9, class: "kept" }),
    shape("text", { x: left + 21, y: bottom + 45 }, "kept"),
    shape("rect", { x: left + 62, y: bottom + 36, width: 16, height: 9, class: "removed-back" }),
    shape("rect", { x: left + 62, y: bottom + 36, width: 16, height: 9, fill: `url(#${hatch})` }),
    shape("text", { x: left + 83, y: bottom + 45 }, "left out"));
  return svg;
}

/** The first filters as pictures: blue above zero, orange below, as strong as the largest weight of the whole ones. */
function drawFilters(el, width, { columns, tile, shown }, picture, whole, name) {
  const [high, wide] = tile;
  let across = 1; // as many side by side as make the picture about square
  while (across < shown && across * (wide + 1) < Math.ceil(shown / across) * (high + 1)) across += 1;
  const down = Math.ceil(shown / across);
  const [pixelsAcross, pixelsDown] = [across * (wide + 1) - 1, down * (high + 1) - 1];
  const canvas = element("canvas", { width: pixelsAcross, height: pixelsDown, role: "img", "aria-label": `First ${shown} filters, ${name}` });
  const scale = Math.min(width / pixelsAcross, 220 / pixelsDown);
  canvas.style.cssText = `display:block;image-rendering:pixelated;width:${(pixelsAcross * scale).toFixed(1)}px;height:${(pixelsDown * scale).toFixed(1)}px`;
  const style = getComputedStyle(el);
  const color = (variable) => style.getPropertyValue(variable).trim().match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  const [above, below] = [color("--wts-blue"), color("--wts-orange")];
  const largest = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  const context = canvas.getContext("2d");
  const image = context.createImageData(pixelsAcross, pixelsDown);
  for (let filter = 0; filter < shown; filter++) {
    const [row, column] = [Math.floor(filter / across) * (high + 1), (filter % across) * (wide + 1)];
    for (let i = 0; i < columns; i++) {
      const value = picture[filter * columns + i];
      const at = 4 * ((row + Math.floor(i / wide)) * pixelsAcross + column + (i % wide));
      image.data.set([...(value < 0 ? below : above), 20 + 235 * Math.min(1, Math.abs(value) / largest)], at);
    }
  }
  context.putImageData(image, 0, 0);
  return element("div", {}, element("div", { class: "wts-note" }, `filters, ${name}`), canvas);
}
