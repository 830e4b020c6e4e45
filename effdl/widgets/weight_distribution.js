// Draws the weights of a layer and what a threshold removes, from counts in bins.

const STEPS = 512;
const HEIGHT = { histogram: 250, curve: 150 };

/** What is left of a layer when the first `step` bins of |w| are removed; as `at_threshold` in Python. */
export function atThreshold({ zeros, negative, positive, energy, limit }, step) {
  const sum = (values, from, to) => {
    let total = 0;
    for (let i = from; i < to; i++) total += values[i];
    return total;
  };
  const weights = zeros + sum(negative, 0, STEPS) + sum(positive, 0, STEPS);
  const removed = zeros + sum(negative, 0, step) + sum(positive, 0, step);
  const total = sum(energy, 0, STEPS);
  return {
    threshold: step * (limit / STEPS),
    weights, zeros, removed,
    sparsity: removed / weights,
    energyKept: total ? sum(energy, step, STEPS) / total : 1,
  };
}

/** Take the rows of all stages and layers out of the model's buffers. */
export function read(model) {
  const [layers, stages] = [model.get("layers"), model.get("stages")];
  const limits = typed(model.get("limits"), Float64Array);
  const counts = typed(model.get("counts"), Uint32Array);
  const energies = typed(model.get("energies"), Float32Array);
  const pairs = typed(model.get("measured"), Float64Array);
  const width = 2 + 2 * STEPS;
  return (stage, layer) => {
    const column = layers.indexOf(layer);
    const row = stages.indexOf(stage) * layers.length + column;
    const at = row * width;
    const curve = model.get("curves")[row];
    return {
      limit: limits[column],
      zeros: counts[at],
      beyond: counts[at + 1],
      negative: counts.subarray(at + 2, at + 2 + STEPS),
      positive: counts.subarray(at + 2 + STEPS, at + width),
      energy: energies.subarray(row * STEPS, (row + 1) * STEPS),
      curve: Array.from({ length: curve?.[1] ?? 0 }, (_, i) => {
        const pair = 2 * (curve[0] + i);
        return { threshold: pairs[pair], accuracy: pairs[pair + 1] };
      }),
    };
  };
}

/** The measured point whose threshold is nearest. */
function nearest(curve, threshold) {
  return curve.reduce((best, point) =>
    Math.abs(point.threshold - threshold) < Math.abs(best.threshold - threshold) ? point : best);
}

export default {
  render({ model, el }) {
    root(el, "distribution", "Weight distribution");
    const row = read(model);
    const set = setter(model);
    const stage = choice("Stage", model.get("stages"), model.get("stage"), (value) => set("stage", value));
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const scale = choice("Counts", ["linear", "logarithmic"], "linear", (value) => set("log", value === "logarithmic"));
    const slider = sliderRow("Threshold", { max: STEPS - 1, name: "Threshold on the size of a weight" }, (step) => set("step", step));
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" },
        model.get("stages").length > 1 ? stage.field : null, layer.field, scale.field),
      element("div", { class: "wts-panels" }, picture),
      slider.row, readout,
    );

    function show(width) {
      stage.select.value = model.get("stage");
      layer.select.value = model.get("layer");
      scale.select.value = model.get("log") ? "logarithmic" : "linear";
      slider.range.value = model.get("step");
      const weights = row(model.get("stage"), model.get("layer"));
      const now = atThreshold(weights, model.get("step"));
      const point = weights.curve.length ? nearest(weights.curve, now.threshold) : null;
      slider.shown.textContent = `|w| < ${significant(now.threshold)}`;
      slider.range.setAttribute("aria-valuetext",
        `${significant(now.threshold)}: sparsity ${percent(now.sparsity)}, energy kept ${percent(now.energyKept)}`);
      readout.replaceChildren(
        entry("Sparsity", percent(now.sparsity), `${significant(now.removed)} of ${significant(now.weights)} weights`),
        entry("Energy kept", percent(now.energyKept), "sum of squares"),
        entry("Already zero", significant(now.zeros), percent(now.zeros / now.weights)),
        ...(point ? [entry("Accuracy", percent(point.accuracy), `measured at ${significant(point.threshold)}`)] : []),
      );
      if (!width) return;
      const marks = model.get("marks")[model.get("layer")] ?? [];
      const measured = weights.curve.length > 0;
      const [first, second] = sideBySide(picture, width, measured ? 0.34 : 0);
      picture.replaceChildren(drawWeights(first, weights, now, model.get("log"), marks));
      if (measured) picture.append(drawCurve(second, weights, now, point, second < width ? HEIGHT.histogram : HEIGHT.curve));
    }

    return keepShown(model, ["layer", "stage", "step", "log"], picture, show);
  },
};

/** Bars for the nonzero weights; the exact zeros, which may be most of a pruned layer, are a bar of their own. */
function drawWeights(width, weights, now, log, marks) {
  const { limit, zeros, beyond, negative, positive } = weights;
  const [left, right, top, bottom] = [46, width - 8, 26, HEIGHT.histogram - 34];
  const x = (value) => left + ((value + limit) / (2 * limit)) * (right - left);

  // Few weights get wide bars. A group of bins is one bar; both halves start at zero.
  const group = [2, 4, 8, 16].find((size) => (now.weights * size) / STEPS >= 60 && size * (right - left) >= 2.5 * 2 * STEPS) ?? 16;
  const bars = [];
  for (let start = 0; start < STEPS; start += group) {
    for (const [counts, sign] of [[negative, -1], [positive, 1]]) {
      let height = 0;
      for (let i = start; i < Math.min(start + group, STEPS); i++) height += counts[i];
      if (height) bars.push({ from: sign * start, to: sign * Math.min(start + group, STEPS), height });
    }
  }
  const tallest = Math.max(1, ...bars.map((bar) => bar.height));
  const { highest, levels, y } = countScale(log ? Math.max(tallest, zeros) : tallest, log, { top, bottom });
  const at = (bin) => x((bin * limit) / STEPS);
  const path = bars.map(({ from, to, height }) => {
    const [a, b] = [Math.min(at(from), at(to)), Math.max(at(from), at(to))];
    return `M${a.toFixed(2)} ${bottom}V${y(height).toFixed(2)}H${b.toFixed(2)}V${bottom}Z`;
  }).join("");

  const [low, high] = [x(-now.threshold), x(now.threshold)];
  const [inside, outside, hatch] = [unique("inside"), unique("outside"), unique("hatch")];
  const rect = (from, to) => shape("rect", { x: from, y: top - 4, width: Math.max(0, to - from), height: bottom - top + 8 });
  const svg = shape("svg", {
    height: HEIGHT.histogram, role: "img",
    "aria-label": `Histogram of ${significant(now.weights)} weights from ${significant(-limit)} to ${significant(limit)}. ` +
      `A threshold of ${significant(now.threshold)} removes ${percent(now.sparsity)} of them.`,
  });
  svg.append(shape("defs", {},
    shape("clipPath", { id: inside }, rect(low, high)),
    shape("clipPath", { id: outside }, rect(left, low), rect(high, right)),
    hatching(hatch)));

  countLines(svg, { left, right, y }, levels);
  svg.append(shape("path", { class: "kept", d: path, "clip-path": `url(#${outside})` }));
  svg.append(shape("path", { class: "removed-back", d: path, "clip-path": `url(#${inside})` }));
  svg.append(shape("path", { d: path, fill: `url(#${hatch})`, "clip-path": `url(#${inside})` }));

  for (const value of marks) svg.append(shape("path", { class: "mark", d: `M${x(value)} ${top}V${bottom}` }));
  if (zeros) {
    const cut = !log && zeros > highest; // taller than the picture: drawn to the top, with its number
    const roof = cut ? top - 4 : y(zeros);
    svg.append(shape("path", { class: "zero", d: `M${x(0) - 2.5} ${bottom}V${roof}H${x(0) + 2.5}V${bottom}` }));
    if (cut) svg.append(shape("path", { class: "axis", d: `M${x(0) - 6} ${top + 10}l12 -5M${x(0) - 6} ${top + 15}l12 -5` }));
    svg.append(shape("text", { x: x(0), y: Math.max(12, roof - 5), "text-anchor": "middle", class: "strong" }, `${significant(zeros)} are zero`));
  }

  axisBelow(svg, { left, right, bottom, x }, placesFor(-limit, limit, (right - left) / 70), "weight w");
  // One or two weights far out are counted in the outermost bars, and said so.
  if (beyond > 1) svg.append(shape("text", { x: right, y: bottom - 12, "text-anchor": "end" }, `${significant(beyond)} lie beyond`));
  if (now.threshold) {
    svg.append(shape("path", { class: "threshold", d: `M${low} ${top - 4}V${bottom}M${high} ${top - 4}V${bottom}` }));
  }
  const key = (start, words, ...drawn) => svg.append(
    ...drawn.map((className) => shape("rect", {
      x: start, y: bottom + 22, width: 16, height: 9,
      ...(className === "hatch" ? { fill: `url(#${hatch})` } : { class: className }),
    })),
    shape("text", { x: start + 21, y: bottom + 31 }, words));
  key(left, "kept", "kept");
  key(left + 62, "removed", "removed-back", "hatch");
  return svg;
}

/** Accuracy against the threshold, measured beforehand, with the point that the slider is at. */
function drawCurve(width, { curve, limit }, now, point, height) {
  const [left, right, top, bottom] = [40, width - 8, 26, height - 34];
  const end = Math.max(curve.at(-1).threshold, limit * 1e-9);
  const accuracies = curve.map((measured) => measured.accuracy);
  const low = Math.max(0, Math.floor(10 * Math.min(...accuracies) - 0.3) / 10);
  const high = Math.min(1, Math.ceil(10 * Math.max(...accuracies) + 0.3) / 10);
  const x = (threshold) => left + (threshold / end) * (right - left);
  const y = (accuracy) => bottom - ((accuracy - low) / (high - low)) * (bottom - top);
  const svg = shape("svg", {
    height, role: "img",
    "aria-label": `Accuracy against the threshold, measured at ${curve.length} thresholds: from ${percent(accuracies[0])} ` +
      `at ${significant(curve[0].threshold)} to ${percent(accuracies.at(-1))} at ${significant(end)}.`,
  });
  gridLines(svg, { left, right, y }, ticks(low, high, 4), (level) => `${Math.round(100 * level)} %`);
  svg.append(shape("text", { x: left - 36, y: 12 }, "accuracy, measured"));
  axisBelow(svg, { left, right, bottom, x }, placesFor(0, end, (right - left) / 55, 4), "threshold");
  svg.append(shape("path", { class: "curve", d: `M${curve.map((p) => `${x(p.threshold).toFixed(1)} ${y(p.accuracy).toFixed(1)}`).join("L")}` }));
  for (const p of curve) svg.append(shape("circle", { class: "curve-point", cx: x(p.threshold), cy: y(p.accuracy), r: 2.6 }));
  if (now.threshold <= end) svg.append(shape("path", { class: "threshold", d: `M${x(now.threshold)} ${top - 4}V${bottom}` }));
  svg.append(shape("circle", { class: "threshold-fill", cx: x(point.threshold), cy: y(point.accuracy), r: 6 }));
  return svg;
}
