// K-means of a layer's weights, one iteration at a time: where the centroids stand, and how they came there.

const MOST = 400;
const BITS = [1, 2, 3, 4, 5, 6];
const INITS = ["linear", "density", "random"];
const PATHS = 150; // height of the lower picture

/** The weights of a layer out of the model's buffers, with the random starts for each number of bits. */
export function read(model, layer) {
  const index = model.get("layers").indexOf(layer);
  const counts = model.get("counts");
  const before = counts.slice(0, index);
  const from = before.reduce((sum, [, , handed]) => sum + handed, 0);
  const all = typed(model.get("values"), Float32Array);
  const [weights, nonzero, handed] = counts[index];
  const size = ([total, other]) => (bits) => 2 ** bits - (total > other ? 1 : 0);
  const sizes = (row) => BITS.reduce((sum, bits) => sum + size(row)(bits), 0);
  let at = before.reduce((sum, row) => sum + sizes(row), 0);
  const random = {};
  const starts = typed(model.get("starts"), Float64Array);
  for (const bits of BITS) {
    const k = size(counts[index])(bits);
    random[bits] = Array.from(starts.subarray(at, at + k));
    at += k;
  }
  const values = Float64Array.from(all.subarray(from, from + handed));
  const sums = new Float64Array(handed + 1);
  const squares = new Float64Array(handed + 1);
  for (let i = 0; i < handed; i++) {
    sums[i + 1] = sums[i] + values[i];
    squares[i + 1] = squares[i] + values[i] * values[i];
  }
  return { weights, nonzero, values, sums, squares, random, size: size(counts[index]) };
}

/** Where k-means starts; as `first_centroids` in Python. */
export function start({ values, random, size }, init, bits) {
  const [n, k] = [values.length, size(bits)];
  if (init === "random") return random[bits];
  if (init === "density") return Array.from({ length: k }, (_, i) => values[Math.floor(((2 * i + 1) * n) / (2 * k))]);
  const step = (values[n - 1] - values[0]) / (k - 1);
  return Array.from({ length: k }, (_, i) => (i && i === k - 1 ? values[n - 1] : i ? i * step + values[0] : values[0]));
}

/** How many of the ascending values are at most `limit`. */
function upTo(values, limit) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First value of each cluster, and the end of the last one. */
function cutsOf({ values }, centroids) {
  const middles = centroids.slice(1).map((c, i) => (centroids[i] + c) / 2);
  return { middles, cuts: [0, ...middles.map((middle) => upTo(values, middle)), values.length] };
}

/** The centroids at the start and after each iteration, until nothing moves; as `path` in Python. */
export function path(layer, first) {
  const steps = [first];
  while (steps.length <= MOST) {
    const now = steps.at(-1);
    const { cuts } = cutsOf(layer, now);
    const moved = now.map((c, i) => {
      const count = cuts[i + 1] - cuts[i];
      return count ? (layer.sums[cuts[i + 1]] - layer.sums[cuts[i]]) / count : c;
    });
    if (moved.every((c, i) => c === now[i])) break;
    steps.push(moved);
  }
  return steps;
}

/** The clusters after an iteration; as `at_iteration` in Python. */
export function atIteration(layer, steps, iteration) {
  const centroids = steps[Math.min(iteration, steps.length - 1)];
  const { middles, cuts } = cutsOf(layer, centroids);
  const counts = centroids.map((_, i) => cuts[i + 1] - cuts[i]);
  let error = 0;
  centroids.forEach((c, i) => {
    const [low, high] = [cuts[i], cuts[i + 1]];
    error += layer.squares[high] - layer.squares[low] - 2 * c * (layer.sums[high] - layer.sums[low]) + counts[i] * c * c;
  });
  return {
    iterations: steps.length - 1, centroids, boundaries: middles, counts,
    error: Math.max(error, 0), energy: layer.squares[layer.values.length],
  };
}

export default {
  render({ model, el }) {
    root(el, "codebook", "Codebook of shared weights");
    const set = setter(model);
    const restart = (name, value) => {
      model.set(name, value);
      set("iteration", 0);
    };
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => restart("layer", value));
    const init = choice("Start", INITS, model.get("init"), (value) => restart("init", value));
    const bits = choice("Bits of a code", BITS.map(String), String(model.get("bits")), (value) => restart("bits", Number(value)));
    let [key, data, way] = ["", null, [[]]];
    const steps = stepper(model, "iteration", { label: "Iteration", name: "Iteration of k-means", last: () => way.length - 1 });
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field, init.field, bits.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, picture),
      steps.row, readout,
    );

    function show(width) {
      const wanted = ["layer", "init", "bits"].map((name) => model.get(name));
      if (key !== wanted.join("\n")) {
        steps.pause();
        key = wanted.join("\n");
        data = read(model, wanted[0]);
        way = path(data, start(data, wanted[1], wanted[2]));
      }
      layer.select.value = wanted[0];
      init.select.value = wanted[1];
      bits.select.value = String(wanted[2]);
      const iteration = steps.at();
      const now = atIteration(data, way, iteration);
      const empty = now.counts.filter((count) => !count).length;
      const reached = `${iteration} of ${now.iterations}`;
      steps.show(reached, `${reached}: error ${percent(now.error / now.energy)} of the energy`);
      const zeros = data.weights - data.nonzero;
      const sampled = data.values.length < data.nonzero ? `a sample of ${significant(data.nonzero)}` : "all that are not zero";
      readout.replaceChildren(
        entry("Centroids", String(now.centroids.length), zeros ? "and a code for zero" : "no weight is zero"),
        entry("Squared error", significant(now.error), `${percent(now.error / now.energy)} of the energy`),
        entry("Empty clusters", String(empty), empty ? "their centroids stay" : "every centroid is used"),
        entry("Weights", significant(data.values.length), sampled),
      );
      if (!width) return;
      picture.replaceChildren(drawClusters(width, data, now), drawPaths(width, data, way, iteration));
    }

    const stop = keepShown(model, ["layer", "init", "bits", "iteration"], picture, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** Both pictures show the same range of weights. */
function limits({ values }) {
  const margin = (values.at(-1) - values[0]) * 0.03 || 1;
  return { low: values[0] - margin, high: values.at(-1) + margin };
}

/** The histogram, with the clusters' boundaries (dashed) and centroids. */
function drawClusters(width, data, now) {
  const { low, high } = limits(data);
  const bins = Math.max(24, Math.min(120, Math.floor(width / 6)));
  const label = `Histogram of ${significant(data.values.length)} weights with ${now.centroids.length} centroids ` +
    `from ${significant(now.centroids[0])} to ${significant(now.centroids.at(-1))}.`;
  const { svg, x, top, bottom, left } = drawHistogram(width, data.values, { low, high, label, bins });
  for (const value of now.boundaries) svg.append(shape("path", { class: "mark", d: `M${x(value).toFixed(2)} ${top}V${bottom}` }));
  for (const value of now.centroids) {
    svg.append(shape("path", { class: "threshold", d: `M${x(value).toFixed(2)} ${top}V${bottom}` }));
    svg.append(shape("circle", { class: "threshold-fill", cx: x(value).toFixed(2), cy: top, r: 4 }));
  }
  lineKey(svg, left, bottom + 31, "threshold", "centroid");
  lineKey(svg, left + 80, bottom + 31, "mark", "boundary");
  return svg;
}

/** The way of every centroid from its start, iterations downward. */
function drawPaths(width, data, steps, iteration) {
  const { low, high } = limits(data);
  const [left, right, top, bottom] = [46, width - 8, 10, PATHS - 14];
  const x = (value) => left + ((value - low) / (high - low)) * (right - left);
  const y = (step) => top + (step / Math.max(1, steps.length - 1)) * (bottom - top);
  const svg = shape("svg", {
    height: PATHS, role: "img", "aria-label": `The way of the centroids through ${iteration} of ${steps.length - 1} iterations.`,
  });
  svg.append(shape("text", { x: left - 6, y: top + 8, "text-anchor": "end" }, "start"));
  svg.append(shape("text", { x: left - 6, y: bottom, "text-anchor": "end" }, String(steps.length - 1)));
  svg.append(shape("path", { class: "grid", d: `M${left} ${top}H${right}M${left} ${bottom}H${right}` }));
  steps[0].forEach((_, i) => {
    const points = (from, to) => steps.slice(from, to + 1).map((step, t) => `${x(step[i]).toFixed(2)} ${y(from + t).toFixed(2)}`);
    svg.append(shape("path", { class: "mark", fill: "none", d: `M${points(0, steps.length - 1).join("L")}` }));
    if (iteration) svg.append(shape("path", { class: "curve", d: `M${points(0, iteration).join("L")}` }));
    svg.append(shape("circle", { class: "threshold-fill", cx: x(steps[iteration][i]), cy: y(iteration), r: 3.5 }));
  });
  return svg;
}
