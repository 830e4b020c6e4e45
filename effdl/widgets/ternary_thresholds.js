// Draws the weights of a layer with a ternary threshold, the scales that fit best, and the error over the threshold.

const STEPS = 200;

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

/** What the threshold does at each step of the slider. */
export function curve(weights) {
  const largest = largestOf(weights);
  return Array.from({ length: STEPS }, (_, step) => atThreshold(weights, largest * (step / STEPS)));
}

export default {
  render({ model, el }) {
    root(el, "ternary", "Ternary threshold");
    const weightsOf = read(model);
    const known = new Map(); // what is computed once for a layer
    const set = setter(model);
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const slider = sliderRow("Threshold", { max: STEPS - 1, name: "Threshold on the size of a weight" }, (step) => set("step", step));
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
      slider.row, readout,
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

    function show(width) {
      const state = now();
      const { weights, points, twn, best } = state;
      const point = points[model.get("step")];
      const share = (count) => percent(count / weights.length);
      layer.select.value = model.get("layer");
      slider.range.value = model.get("step");
      slider.shown.textContent = `|w| > ${significant(point.threshold)}`;
      slider.range.setAttribute("aria-valuetext", `${significant(point.threshold)}: error ${percent(point.one)} of the energy`);
      const least = atThreshold(weights, best);
      readout.replaceChildren(
        entry("-1, 0, 1", `${share(point.negative)}, ${share(point.zero)}, ${share(point.positive)}`, "of the weights"),
        entry("One scale", significant(point.scale), `error ${percent(point.one)}`),
        entry("Two scales", `-${significant(point.lower)}, ${significant(point.upper)}`, `error ${percent(point.two)}`),
        entry("TWN's rule", significant(twn), `error ${percent(atThreshold(weights, twn).one)}`),
        entry("Best", significant(best), `error ${percent(least.one)}`),
      );
      if (!width) return;
      const [first, second] = sideBySide(picture, width, 0.38);
      picture.replaceChildren(drawWeights(first, state, point), drawErrors(second, state, point));
    }

    return keepShown(model, ["layer", "step"], picture, show);
  },
};

/** The histogram with the threshold on both sides (solid) and the values that weights become (dashed). */
function drawWeights(width, { weights, largest }, point) {
  const high = largest || 1;
  const label = `Histogram of ${significant(weights.length)} weights. Those beyond ${significant(point.threshold)} become ` +
    `${significant(-point.lower)} or ${significant(point.upper)}, the others zero.`;
  const { svg, x, top, bottom, left } = drawHistogram(width, weights, { low: -high, high, label, height: 256 });
  for (const value of [-point.lower, 0, point.upper]) {
    svg.append(shape("path", { class: "mark", d: `M${x(value)} ${top}V${bottom}` }));
  }
  svg.append(shape("path", { class: "threshold", d: `M${x(-point.threshold)} ${top - 4}V${bottom}M${x(point.threshold)} ${top - 4}V${bottom}` }));
  lineKey(svg, left, bottom + 47, "threshold", "threshold");
  lineKey(svg, left + 90, bottom + 47, "mark", "what weights become");
  return svg;
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
  gridLines(svg, { left, right, y }, [0, 0.25, 0.5, 0.75, 1], (error) => `${100 * error} %`);
  svg.append(shape("text", { x: left - 38, y: 12 }, "squared error, share of the energy"));
  axisBelow(svg, { left, right, bottom, x }, ticks(0, high, 4), "threshold");
  for (const [name, className] of [["two", "drop"], ["one", "curve"]]) {
    const line = points.map((each) => `${x(each.threshold).toFixed(1)} ${y(each[name]).toFixed(1)}`).join("L");
    svg.append(shape("path", { class: className, d: `M${line}` }));
  }
  svg.append(shape("path", { class: "mark", d: `M${x(best)} ${top}V${bottom}` }));
  svg.append(shape("path", { class: "roof", d: `M${x(twn)} ${top}V${bottom}` }));
  svg.append(shape("path", { class: "threshold", d: `M${x(point.threshold)} ${top - 4}V${bottom}` }));
  svg.append(shape("circle", { class: "threshold-fill", cx: x(point.threshold), cy: y(point.one), r: 6 }));
  lineKey(svg, left - 38, bottom + 35, "curve", "one scale");
  lineKey(svg, left + 48, bottom + 35, "drop", "two scales");
  lineKey(svg, left - 38, bottom + 50, "roof", "TWN's rule");
  lineKey(svg, left + 48, bottom + 50, "mark", "best threshold");
  return svg;
}
