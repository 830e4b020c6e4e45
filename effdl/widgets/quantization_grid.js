// Draws the weights of a layer on a grid of few codes, and the errors of clipping and rounding over the grid's range.

const STEPS = 100;

/** Squared errors of a grid of `bits` bits that ends at `percent` of the largest size; as `errors` in Python. */
export function errors(weights, bits, percent) {
  const codes = 2 ** (bits - 1) - 1;
  const limit = largestOf(weights) * (percent / STEPS);
  const step = limit ? limit / codes : 1;
  let [energy, clipping, rounding, clipped] = [0, 0, 0, 0];
  for (const weight of weights) {
    const size = Math.abs(weight);
    energy += size * size;
    if (size > limit) {
      clipped += 1;
      clipping += (size - limit) * (size - limit);
    } else {
      const error = size - Math.floor(size / step + 0.5) * step;
      rounding += error * error;
    }
  }
  energy = energy || 1;
  return {
    limit, step, clipped,
    clipping: clipping / energy, rounding: rounding / energy, total: (clipping + rounding) / energy,
  };
}

/** The errors at every range, from 1 to 100 percent. */
export function curve(weights, bits) {
  return Array.from({ length: STEPS }, (_, i) => errors(weights, bits, i + 1));
}

/** The range with the smallest error in percent, the smaller one on a tie. */
export function best(points) {
  return points.reduce((least, point, i) => (point.total < points[least].total ? i : least), 0) + 1;
}

export default {
  render({ model, el }) {
    root(el, "grid-of-codes", "Quantization grid");
    const weightsOf = read(model);
    const curves = new Map(); // 100 points for a layer and a number of bits, computed once
    const set = setter(model);
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const bits = sliderRow("Bits", { min: 2, max: 8 }, (value) => set("bits", value));
    const percentage = sliderRow("Range", { min: 1, max: STEPS }, (value) => set("percent", value));
    const jump = element("button", { type: "button", onclick: () => set("percent", now().least) }, "Go to the least error");
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field, jump),
      element("div", { class: "wts-panels" }, picture),
      bits.row, percentage.row, readout,
    );

    function now() {
      const [name, width] = [model.get("layer"), model.get("bits")];
      const key = `${width} ${name}`;
      const weights = weightsOf(name);
      if (!curves.has(key)) curves.set(key, curve(weights, width));
      const points = curves.get(key);
      return { weights, points, least: best(points), point: points[model.get("percent") - 1] };
    }

    function show(width) {
      const { weights, points, least, point } = now();
      layer.select.value = model.get("layer");
      bits.range.value = model.get("bits");
      percentage.range.value = model.get("percent");
      bits.shown.textContent = `${model.get("bits")} bits`;
      percentage.shown.textContent = `${model.get("percent")} %`;
      percentage.range.setAttribute("aria-valuetext",
        `up to ${significant(point.limit)}: error ${percent(point.total)} of the energy`);
      const size = model.get("sizes")[model.get("layers").indexOf(model.get("layer"))];
      readout.replaceChildren(
        entry("Clipped", percent(point.clipped / weights.length), `beyond ${significant(point.limit)}`),
        entry("Clipping error", `${significant(100 * point.clipping)} %`, "of the energy"),
        entry("Rounding error", `${significant(100 * point.rounding)} %`, `step ${significant(point.step)}`),
        entry("Sum", `${significant(100 * point.total)} %`, "of the energy"),
        entry("Least", `${significant(100 * points[least - 1].total)} %`, `at a range of ${least} %`),
        ...(size > weights.length ? [entry("Shown", significant(weights.length), `of ${significant(size)} weights`)] : []),
      );
      if (!width) return;
      const [first, second] = sideBySide(picture, width, 0.4);
      picture.replaceChildren(
        drawGrid(first, weights, point, model.get("bits"), points.at(-1).limit),
        drawErrors(second, points, model.get("percent"), least),
      );
    }

    return keepShown(model, ["layer", "bits", "percent"], picture, show);
  },
};

/** The histogram, with a line for each number of the grid while there are few, and its two ends. */
function drawGrid(width, weights, point, bits, largest) {
  const high = largest || 1;
  const label = `Histogram of ${significant(weights.length)} weights from ${significant(-high)} to ${significant(high)} ` +
    `with a grid of ${2 ** bits - 1} numbers from ${significant(-point.limit)} to ${significant(point.limit)}.`;
  const { svg, x, top, bottom } = drawHistogram(width, weights, { low: -high, high, label });
  const codes = 2 ** (bits - 1) - 1;
  if (bits <= 5) {
    for (let code = -codes; code <= codes; code++) {
      svg.append(shape("path", { class: "mark", d: `M${x(code * point.step)} ${top}V${bottom}` }));
    }
  }
  svg.append(shape("path", { class: "threshold", d: `M${x(-point.limit)} ${top - 4}V${bottom}M${x(point.limit)} ${top - 4}V${bottom}` }));
  return svg;
}

/** Both errors and their sum over the range, on a logarithmic scale. */
function drawErrors(width, points, chosen, least) {
  const [left, right, top, bottom] = [52, width - 8, 26, 206];
  const highest = Math.ceil(Math.log10(Math.max(...points.map((point) => point.total), 1e-6)));
  const lowest = Math.max(highest - 6, Math.floor(Math.log10(Math.max(points[least - 1].total, 1e-9))) - 1);
  const x = (percentage) => left + (percentage / STEPS) * (right - left);
  const y = (error) => bottom - Math.max(0, (Math.log10(Math.max(error, 1e-12)) - lowest) / (highest - lowest)) * (bottom - top);
  const svg = shape("svg", {
    height: 256, role: "img",
    "aria-label": `Errors over the range of the grid: the sum is least, ${significant(100 * points[least - 1].total)} % of the ` +
      `energy, at ${least} %, and ${significant(100 * points.at(-1).total)} % where nothing is clipped.`,
  });
  const powers = Array.from({ length: highest - lowest + 1 }, (_, i) => 10 ** (lowest + i));
  gridLines(svg, { left, right, y }, powers, (error) => `${significant(100 * error)} %`);
  svg.append(shape("text", { x: left - 44, y: 12 }, "squared error, share of the energy"));
  axisBelow(svg, { left, right, bottom, x }, [0, 25, 50, 75, 100], "range (% of the largest)");
  for (const [name, className] of [["clipping", "roof"], ["rounding", "drop"], ["total", "curve"]]) {
    const line = points.map((point, i) => `${x(i + 1).toFixed(1)} ${y(point[name]).toFixed(1)}`).join("L");
    svg.append(shape("path", { class: className, d: `M${line}` }));
  }
  lineKey(svg, left, bottom + 47, "roof", "clipping");
  lineKey(svg, left + 76, bottom + 47, "drop", "rounding");
  lineKey(svg, left + 156, bottom + 47, "curve", "sum");
  svg.append(shape("path", { class: "mark", d: `M${x(least)} ${top}V${bottom}` }));
  svg.append(shape("path", { class: "threshold", d: `M${x(chosen)} ${top - 4}V${bottom}` }));
  svg.append(shape("circle", { class: "threshold-fill", cx: x(chosen), cy: y(points[chosen - 1].total), r: 6 }));
  return svg;
}
