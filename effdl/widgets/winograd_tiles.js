// One tile of Winograd convolution, stage by stage, from the image, the kernel and the matrices alone.

const STAGES = ["data", "data at the points", "kernel at the points", "product", "output"];
const FORMULAS = ["d", "Bᵀ d B", "G g Gᵀ", "G g Gᵀ ⊙ Bᵀ d B", "Aᵀ [ ] A"];
const CURVE_HEIGHT = 190;
const DASHES = [null, "7 4", "2 3", "8 3 2 3", "1 4"];

/** Take a table of numbers out of a flat array. */
function table(values, start, rows, columns) {
  return Array.from({ length: rows }, (_, i) => Array.from(values.subarray(start + i * columns, start + (i + 1) * columns)));
}

const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));

/** Matrix product with its sums in order, as in Python. */
function multiply(a, b) {
  return a.map((row) => b[0].map((_, j) => {
    let total = 0;
    for (let k = 0; k < b.length; k++) total += row[k] * b[k][j];
    return total;
  }));
}

/** The image, the kernel, and for each tile size its three matrices. */
export function read(model) {
  const [height, width, r] = model.get("shape");
  const flat = typed(model.get("matrices"), Float64Array);
  const matrices = {};
  let start = 0;
  for (const m of model.get("sizes")) {
    const n = m + r - 1;
    matrices[m] = [[m, n], [n, r], [n, n]].map(([rows, columns]) => {
      const matrix = table(flat, start, rows, columns);
      start += rows * columns;
      return matrix;
    });
  }
  return {
    height, width, r, matrices, padding: model.get("padding"),
    image: table(typed(model.get("image"), Float64Array), 0, height, width),
    kernel: table(typed(model.get("kernel"), Float64Array), 0, r, r),
  };
}

/** One tile at one stage; as `at_tile` in Python. */
export function atTile({ height, width, r, padding, image, kernel, matrices }, m, tile, stage) {
  const n = m + r - 1;
  const [high, wide] = [height + 2 * padding - r + 1, width + 2 * padding - r + 1];
  const [rows, columns] = [Math.ceil(high / m), Math.ceil(wide / m)];
  const [row, column] = [Math.floor(tile / columns), tile % columns];
  const cut = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) =>
    image[row * m + i - padding]?.[column * m + j - padding] ?? 0));
  const [aT, g, bT] = matrices[m];
  const data = multiply(multiply(bT, cut), transposed(bT));
  const points = multiply(multiply(g, kernel), transposed(g));
  const product = points.map((line, i) => line.map((value, j) => value * data[i][j]));
  const values = [cut, data, points, product, multiply(multiply(aT, product), transposed(aT))][stage];
  return {
    rows, columns, row, column, values,
    largest: Math.max(...values.flat().map(Math.abs)),
    visible: [Math.min(m, high - row * m), Math.min(m, wide - column * m)],
    products: rows * columns * n * n,
    direct: high * wide * r * r,
  };
}

export default {
  render({ model, el }) {
    root(el, "tiles", "Winograd convolution, tile by tile");
    const input = read(model);
    const set = setter(model);
    const label = (m) => `F(${m} × ${m}, ${input.r} × ${input.r})`;
    const size = choice("Tile", model.get("sizes").map(label), label(model.get("size")), (name) => {
      const m = model.get("sizes").find((one) => label(one) === name);
      model.set("tile", 0); // another size has other tiles
      set("size", m);
    });
    const stage = choice("Stage", STAGES, STAGES[model.get("stage")], (name) => set("stage", STAGES.indexOf(name)));
    const next = element("button", { type: "button", onclick: () => set("stage", (model.get("stage") + 1) % STAGES.length) }, "Next stage");
    const slider = sliderRow("Position", { name: "Position of the tile, in reading order" }, (tile) => set("tile", tile));
    const picture = element("div");
    const curve = element("div", { style: "margin-top: 0.9rem" });
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, size.field, stage.field, next),
      element("div", { class: "wts-panels" }, picture),
      slider.row, readout, curve,
    );

    function show(width) {
      const [m, step] = [model.get("size"), model.get("stage")];
      const now = atTile(input, m, model.get("tile"), step);
      size.select.value = label(m);
      stage.select.value = STAGES[step];
      slider.range.max = now.rows * now.columns - 1;
      slider.range.value = model.get("tile");
      const place = `row ${now.row + 1}, column ${now.column + 1}`;
      slider.shown.textContent = `${now.row + 1}, ${now.column + 1}`;
      slider.range.setAttribute("aria-valuetext", `tile in ${place} of ${now.rows} by ${now.columns}`);
      const measured = model.get("errors").flatMap(([name, points]) =>
        points.filter(([at]) => at === m).map(([, error]) => `${name} ${error.toExponential(1)}`));
      readout.replaceChildren(
        entry("Multiplications", significant(now.products), `instead of ${significant(now.direct)}, all tiles`),
        entry("Fewer", `${(now.direct / now.products).toFixed(2)} ×`, `${now.rows} × ${now.columns} tiles`),
        entry("Largest number", significant(now.largest), `at this stage: ${STAGES[step]}`),
        entry("Outputs in the image", `${now.visible[0]} × ${now.visible[1]}`, `of ${m} × ${m} of this tile`),
        ...(measured.length ? [entry("Error, measured", measured[0], measured.slice(1).join(", "))] : []),
      );
      if (!width) return;
      const [first, second] = sideBySide(picture, width, 0.62);
      picture.replaceChildren(
        drawImage(first, input, m, now),
        drawValues(second, now, STAGES[step], FORMULAS[step], step === 4));
      if (model.get("errors").length) curve.replaceChildren(drawErrors(width, model.get("errors"), m));
    }

    return keepShown(model, ["size", "tile", "stage"], picture, show);
  },
};

/** A number that fits into a cell: what is left over from rounding shows as a power of ten. */
function short(value, digits) {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(0) : significant(value, digits);
}

/** The image in its padding, what the tile reads, and what it writes. */
function drawImage(width, { height, width: across, r, padding, image }, m, now) {
  const n = m + r - 1;
  const [down, right] = [Math.max(height + 2 * padding, now.rows * m + r - 1), Math.max(across + 2 * padding, now.columns * m + r - 1)];
  const cell = Math.min((width - 4) / right, 300 / down);
  const top = 22;
  const svg = shape("svg", {
    height: top + down * cell + 44, role: "img",
    "aria-label": `Image of ${height} by ${across} pixels. The tile in row ${now.row + 1}, column ${now.column + 1} reads ${n} by ${n} pixels.`,
  });
  svg.append(shape("text", { x: 0, y: 12 }, "image"));
  const largest = Math.max(1e-12, ...image.flat().map(Math.abs));
  image.forEach((line, i) => line.forEach((value, j) => svg.append(shape("rect", {
    x: 2 + (j + padding) * cell, y: top + (i + padding) * cell, width: cell, height: cell,
    class: "kept", "fill-opacity": (0.06 + 0.84 * Math.abs(value) / largest).toFixed(3),
  }))));
  const box = (className, row, column, high, wide, dashes) => shape("rect", {
    x: 2 + column * cell, y: top + row * cell, width: wide * cell, height: high * cell, class: className, fill: "none", "stroke-dasharray": dashes,
  });
  svg.append(
    box("axis", padding, padding, height, across),
    box("threshold", now.row * m, now.column * m, n, n),
    // An output belongs to the middle of its patch.
    box("threshold", now.row * m + (r - 1) / 2, now.column * m + (r - 1) / 2, now.visible[0], now.visible[1], "4 3"));
  const y = top + down * cell + 18;
  svg.append(
    shape("path", { class: "threshold", d: `M2 ${y - 4}h22` }), shape("text", { x: 30, y }, "what the tile reads"),
    shape("path", { class: "threshold", "stroke-dasharray": "4 3", d: `M2 ${y + 14}h22` }), shape("text", { x: 30, y: y + 18 }, "what it writes"));
  return svg;
}

/** The numbers of a stage. Outputs that lie beyond the image are hatched. */
function drawValues(width, { values, largest, visible }, name, formula, cut) {
  const [rows, columns] = [values.length, values[0].length];
  const cell = Math.min(width / columns, 66, 330 / rows);
  const top = 22;
  const hatch = unique("hatch");
  const svg = shape("svg", {
    height: top + rows * cell + 4, role: "img",
    "aria-label": `${name}: ${values.map((line) => line.map((value) => short(value, 3)).join(" ")).join("; ")}`,
  });
  svg.append(
    shape("defs", {}, hatching(hatch)),
    shape("text", { x: 0, y: 12, class: "strong" }, `${name}:  ${formula}`));
  values.forEach((line, i) => line.forEach((value, j) => {
    const [x, y] = [j * cell, top + i * cell];
    svg.append(
      shape("rect", { x, y, width: cell - 1, height: cell - 1, class: "kept", "fill-opacity": (0.06 + 0.5 * Math.abs(value) / (largest || 1)).toFixed(3) }),
      cut && (i >= visible[0] || j >= visible[1]) ? shape("rect", { x, y, width: cell - 1, height: cell - 1, fill: `url(#${hatch})` }) : "",
      shape("text", { x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle", class: "strong" }, short(value, cell < 46 ? 2 : 3)));
  }));
  return svg;
}

/** Largest error against the tile size, measured beforehand, a line for each format. */
function drawErrors(width, curves, m) {
  const [left, right, top, bottom] = [52, width - 110, 30, CURVE_HEIGHT - 34];
  const points = curves.flatMap(([, curve]) => curve);
  const [first, last] = [Math.min(...points.map(([at]) => at)), Math.max(...points.map(([at]) => at))];
  const powers = points.map(([, error]) => Math.log10(error));
  const [low, high] = [Math.floor(Math.min(...powers)), Math.ceil(Math.max(...powers))];
  const x = (at) => left + ((at - first) / Math.max(1, last - first)) * (right - left);
  const y = (error) => bottom - ((Math.log10(error) - low) / Math.max(1, high - low)) * (bottom - top);
  const svg = shape("svg", {
    height: CURVE_HEIGHT, role: "img",
    "aria-label": `Largest error against the tile size, measured: ${curves.map(([name, curve]) =>
      `${name} from ${curve[0][1].toExponential(1)} to ${curve.at(-1)[1].toExponential(1)}`).join(", ")}.`,
  });
  svg.append(shape("text", { x: 0, y: 12 }, "largest error of an output, measured"));
  const step = Math.ceil((high - low) / 5);
  const shown = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
  gridLines(svg, { left, right, y: (power) => y(10 ** power) }, shown, (power) => `1e${power}`);
  const sizes = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  axisBelow(svg, { left, right, bottom, x }, sizes, "m, outputs along a side of the tile");
  svg.append(shape("path", { class: "threshold", d: `M${x(m)} ${top - 4}V${bottom}` }));
  const names = curves.map(([name, curve]) => ({ name, y: y(curve.at(-1)[1]) + 4 })).sort((a, b) => a.y - b.y);
  names.forEach((one, i) => { if (i) one.y = Math.max(one.y, names[i - 1].y + 14); });
  curves.forEach(([name, curve], i) => {
    svg.append(shape("path", { class: "curve", "stroke-dasharray": DASHES[i % DASHES.length], d: `M${curve.map(([at, error]) => `${x(at).toFixed(1)} ${y(error).toFixed(1)}`).join("L")}` }));
    for (const [at, error] of curve) svg.append(shape("circle", { class: "curve-point", cx: x(at), cy: y(error), r: 2.4 }));
    svg.append(shape("text", { x: right + 8, y: names.find((one) => one.name === name).y }, name));
  });
  return svg;
}
