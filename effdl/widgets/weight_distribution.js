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
    const set = (name, value) => {
      model.set(name, value);
      model.save_changes();
    };
    const stage = choice("Stage", model.get("stages"), model.get("stage"), (value) => set("stage", value));
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const scale = choice("Counts", ["linear", "logarithmic"], "linear", (value) => set("log", value === "logarithmic"));
    const range = element("input", { type: "range", min: 0, max: STEPS - 1, step: 1, "aria-label": "Threshold on the size of a weight" });
    range.addEventListener("input", () => set("step", range.valueAsNumber));
    const shown = element("output", {});
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" },
        model.get("stages").length > 1 ? stage.field : null, layer.field, scale.field),
      element("div", { class: "wts-panels" }, picture),
      element("div", { class: "wts-slider" }, element("span", { "aria-hidden": "true" }, "Threshold"), range, shown),
      readout,
    );

    function show() {
      stage.select.value = model.get("stage");
      layer.select.value = model.get("layer");
      scale.select.value = model.get("log") ? "logarithmic" : "linear";
      range.value = model.get("step");
      const weights = row(model.get("stage"), model.get("layer"));
      const now = atThreshold(weights, model.get("step"));
      const point = weights.curve.length ? nearest(weights.curve, now.threshold) : null;
      shown.textContent = `|w| < ${significant(now.threshold)}`;
      range.setAttribute("aria-valuetext",
        `${significant(now.threshold)}: sparsity ${percent(now.sparsity)}, energy kept ${percent(now.energyKept)}`);
      readout.replaceChildren(
        entry("Sparsity", percent(now.sparsity), `${significant(now.removed)} of ${significant(now.weights)} weights`),
        entry("Energy kept", percent(now.energyKept), "sum of squares"),
        entry("Already zero", significant(now.zeros), percent(now.zeros / now.weights)),
        ...(point ? [entry("Accuracy", percent(point.accuracy), `measured at ${significant(point.threshold)}`)] : []),
      );
      const width = plot.width();
      if (!width) return;
      const marks = model.get("marks")[model.get("layer")] ?? [];
      const side = weights.curve.length && width >= 560 ? Math.round(width * 0.34) : 0;
      const drawings = [drawHistogram(width - (side ? side + 20 : 0), weights, now, model.get("log"), marks)];
      if (weights.curve.length) drawings.push(drawCurve(side || width, weights, now, point, side ? HEIGHT.histogram : HEIGHT.curve));
      picture.style.cssText = side ? `display:grid;grid-template-columns:1fr ${side}px;gap:20px` : "";
      picture.replaceChildren(...drawings);
    }

    const plot = atWidth(picture, show);
    const watched = "change:layer change:stage change:step change:log";
    model.on(watched, show);
    show();
    return () => {
      plot.stop();
      model.off(watched, show);
    };
  },
};

/** Bars for the nonzero weights; the exact zeros, which may be most of a pruned layer, are a bar of their own. */
function drawHistogram(width, weights, now, log, marks) {
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
  const highest = log ? 10 ** Math.ceil(Math.log10(Math.max(tallest, zeros, 10))) : tallest * 1.05;
  const y = (count) => {
    const share = log ? Math.max(0, Math.log10(count / 0.7) / Math.log10(highest / 0.7)) : count / highest;
    return bottom - Math.min(1, share) * (bottom - top);
  };
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
    shape("pattern", { id: hatch, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      shape("path", { class: "hatch", d: "M2 0V5" }))));

  const levels = log
    ? Array.from({ length: Math.round(Math.log10(highest)) + 1 }, (_, power) => 10 ** power)
    : ticks(0, highest, 4).filter(Number.isInteger);
  for (const level of levels) {
    svg.append(shape("path", { class: "grid", d: `M${left} ${y(level)}H${right}` }));
    svg.append(shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, short(level)));
  }
  svg.append(shape("text", { x: left - 6, y: 12, "text-anchor": "end" }, "count"));
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

  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  for (const value of ticks(-limit, limit, Math.max(2, Math.min(6, (right - left) / 70)))) {
    svg.append(shape("path", { class: "axis", d: `M${x(value)} ${bottom}v4` }));
    svg.append(shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, significant(value)));
  }
  svg.append(shape("text", { x: right, y: bottom + 31, "text-anchor": "end" }, "weight w"));
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

function short(count) {
  return count >= 1000 ? quantity(count, "").replace(" ", "") : String(count);
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
  for (const level of ticks(low, high, 4)) {
    svg.append(shape("path", { class: "grid", d: `M${left} ${y(level)}H${right}` }));
    svg.append(shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, `${Math.round(100 * level)} %`));
  }
  svg.append(shape("text", { x: left - 36, y: 12 }, "accuracy, measured"));
  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  for (const value of ticks(0, end, Math.max(2, Math.min(4, (right - left) / 55)))) {
    svg.append(shape("path", { class: "axis", d: `M${x(value)} ${bottom}v4` }));
    svg.append(shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, significant(value)));
  }
  svg.append(shape("text", { x: right, y: bottom + 31, "text-anchor": "end" }, "threshold"));
  svg.append(shape("path", { class: "curve", d: `M${curve.map((p) => `${x(p.threshold).toFixed(1)} ${y(p.accuracy).toFixed(1)}`).join("L")}` }));
  for (const p of curve) svg.append(shape("circle", { class: "curve-point", cx: x(p.threshold), cy: y(p.accuracy), r: 2.6 }));
  if (now.threshold <= end) svg.append(shape("path", { class: "threshold", d: `M${x(now.threshold)} ${top - 4}V${bottom}` }));
  svg.append(shape("circle", { class: "threshold-fill", cx: x(point.threshold), cy: y(point.accuracy), r: 6 }));
  return svg;
}
