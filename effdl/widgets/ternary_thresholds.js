// Draws the weights of a layer with a ternary threshold, the scales that fit best, and the error over the threshold.

const STEPS = 200;
const BARS = 80;

/** What a threshold makes of a layer, with the best scales for it; as `at_threshold` in Python. */
export function atThreshold(weights, threshold) {
  let [positive, negative, up, down, energy] = [0, 0, 0, 0, 0];
  for (const weight of weights) {
    energy += weight * weight;
    if (weight > threshold) {
      positive += 1;
      up += weight;
    } else if (weight < -threshold) {
      negative += 1;
      down += -weight;
    }
  }
  const kept = positive + negative;
  const upper = positive ? up / positive : 0;
  const lower = negative ? down / negative : 0;
  const scale = kept ? (up + down) / kept : 0;
  let [one, two] = [0, 0];
  for (const weight of weights) {
    const sign = weight > threshold ? 1 : weight < -threshold ? -1 : 0;
    const first = weight - sign * scale;
    const second = weight - (sign > 0 ? upper : sign < 0 ? -lower : 0);
    one += first * first;
    two += second * second;
  }
  energy = energy || 1;
  return { threshold, negative, zero: weights.length - kept, positive, scale, lower, upper, one: one / energy, two: two / energy };
}

function largestOf(weights) {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  return largest;
}

/** What the threshold does at each step of the slider. */
export function curve(weights) {
  const largest = largestOf(weights);
  return Array.from({ length: STEPS }, (_, step) => atThreshold(weights, largest * (step / STEPS)));
}

/** The weights of one layer, out of the model's buffer. */
export function read(model) {
  const values = typed(model.get("values"), Float32Array);
  const starts = [0];
  for (const length of model.get("lengths")) starts.push(starts.at(-1) + length);
  return (layer) => {
    const i = model.get("layers").indexOf(layer);
    return values.subarray(starts[i], starts[i + 1]);
  };
}

export default {
  render({ model, el }) {
    root(el, "ternary", "Ternary threshold");
    const weightsOf = read(model);
    const known = new Map(); // what is computed once for a layer
    const set = (name, value) => {
      model.set(name, value);
      model.save_changes();
    };
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const range = element("input", { type: "range", min: 0, max: STEPS - 1, step: 1, "aria-label": "Threshold on the size of a weight" });
    range.addEventListener("input", () => set("step", range.valueAsNumber));
    const shown = element("output", {});
    const near = (value) => {
      const { points } = now();
      const gap = (step) => Math.abs(points[step].threshold - value);
      set("step", points.reduce((least, _, step) => (gap(step) < gap(least) ? step : least), 0));
    };
    const toRule = element("button", { type: "button", onclick: () => near(now().twn) }, "TWN's rule");
    const toBest = element("button", { type: "button", onclick: () => near(now().best) }, "Best threshold");
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field, toRule, toBest),
      element("div", { class: "wts-panels" }, picture),
      element("div", { class: "wts-slider" }, element("span", { "aria-hidden": "true" }, "Threshold"), range, shown),
      readout,
    );

    function now() {
      const name = model.get("layer");
      const weights = weightsOf(name);
      if (!known.has(name)) {
        const [twn, best] = ["rules", "optima"].map((each) => model.get(each)[model.get("layers").indexOf(name)]);
        known.set(name, { weights, points: curve(weights), twn, best, largest: largestOf(weights) });
      }
      return known.get(name);
    }

    function show() {
      const state = now();
      const { weights, points, twn, best } = state;
      const point = points[model.get("step")];
      const share = (count) => percent(count / weights.length);
      layer.select.value = model.get("layer");
      range.value = model.get("step");
      shown.textContent = `|w| > ${significant(point.threshold)}`;
      range.setAttribute("aria-valuetext", `${significant(point.threshold)}: error ${percent(point.one)} of the energy`);
      const least = atThreshold(weights, best);
      readout.replaceChildren(
        entry("-1, 0, 1", `${share(point.negative)}, ${share(point.zero)}, ${share(point.positive)}`, "of the weights"),
        entry("One scale", significant(point.scale), `error ${percent(point.one)}`),
        entry("Two scales", `-${significant(point.lower)}, ${significant(point.upper)}`, `error ${percent(point.two)}`),
        entry("TWN's rule", significant(twn), `error ${percent(atThreshold(weights, twn).one)}`),
        entry("Best", significant(best), `error ${percent(least.one)}`),
      );
      const width = plot.width();
      if (!width) return;
      const side = width >= 560 ? Math.round(width * 0.38) : 0;
      picture.style.cssText = side ? `display:grid;grid-template-columns:minmax(0,1fr) ${side}px;gap:20px` : "";
      picture.replaceChildren(drawWeights(width - (side ? side + 20 : 0), state, point), drawErrors(side || width, state, point));
    }

    const plot = atWidth(picture, show);
    const watched = "change:layer change:step";
    model.on(watched, show);
    show();
    return () => {
      plot.stop();
      model.off(watched, show);
    };
  },
};

/** The histogram with the threshold on both sides (solid) and the values that weights become (dashed). */
function drawWeights(width, { weights, largest }, point) {
  const high = largest || 1;
  const counts = new Array(BARS).fill(0);
  for (const weight of weights) counts[Math.min(BARS - 1, Math.floor(((weight + high) / (2 * high)) * BARS))] += 1;
  const label = `Histogram of ${significant(weights.length)} weights. Those beyond ${significant(point.threshold)} become ` +
    `${significant(-point.lower)} or ${significant(point.upper)}, the others zero.`;
  const { svg, x, top, bottom, left } = drawBars(width, counts, { low: -high, high, label, height: 256 });
  for (const value of [-point.lower, 0, point.upper]) {
    svg.append(shape("path", { class: "mark", d: `M${x(value)} ${top}V${bottom}` }));
  }
  svg.append(shape("path", { class: "threshold", d: `M${x(-point.threshold)} ${top - 4}V${bottom}M${x(point.threshold)} ${top - 4}V${bottom}` }));
  key(svg, left, bottom + 43, "threshold", "threshold");
  key(svg, left + 90, bottom + 43, "mark", "what weights become");
  return svg;
}

function key(svg, start, y, className, words) {
  svg.append(shape("path", { class: className, d: `M${start} ${y}h16` }), shape("text", { x: start + 20, y: y + 4 }, words));
}

/** The error with one scale and with two, over the threshold. */
function drawErrors(width, { points, twn, best, largest }, point) {
  const [left, right, top, bottom] = [44, width - 8, 26, 222];
  const high = largest || 1;
  const x = (threshold) => left + (threshold / high) * (right - left);
  const y = (error) => bottom - Math.min(1, error) * (bottom - top);
  const svg = shape("svg", {
    height: 272, role: "img",
    "aria-label": `Error over the threshold: TWN's rule is at ${significant(twn)}, the best threshold at ${significant(best)}.`,
  });
  for (const level of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(shape("path", { class: "grid", d: `M${left} ${y(level)}H${right}` }));
    svg.append(shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, `${100 * level} %`));
  }
  svg.append(shape("text", { x: left - 38, y: 12 }, "squared error, share of the energy"));
  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  for (const value of ticks(0, high, 4)) {
    svg.append(shape("path", { class: "axis", d: `M${x(value)} ${bottom}v4` }));
    svg.append(shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, significant(value)));
  }
  for (const [name, className] of [["two", "drop"], ["one", "curve"]]) {
    const line = points.map((each) => `${x(each.threshold).toFixed(1)} ${y(each[name]).toFixed(1)}`).join("L");
    svg.append(shape("path", { class: className, d: `M${line}` }));
  }
  svg.append(shape("path", { class: "mark", d: `M${x(best)} ${top}V${bottom}` }));
  svg.append(shape("path", { class: "roof", d: `M${x(twn)} ${top}V${bottom}` }));
  svg.append(shape("path", { class: "threshold", d: `M${x(point.threshold)} ${top - 4}V${bottom}` }));
  svg.append(shape("circle", { class: "threshold-fill", cx: x(point.threshold), cy: y(point.one), r: 6 }));
  key(svg, left - 38, bottom + 31, "curve", "one scale");
  key(svg, left + 48, bottom + 31, "drop", "two scales");
  key(svg, left - 38, bottom + 46, "roof", "TWN's rule");
  key(svg, left + 48, bottom + 46, "mark", "best threshold");
  return svg;
}
