// Where gradients lie in the range of a number format, and what a loss scale does to them.

const [LOWEST, HIGHEST] = [-48, 24];
const POWERS = Array.from({ length: 65 }, (_, i) => i - 24);

/** What a loss scale of 2 ** power does to float32 gradients in a format; as `at_scale` in Python. */
export function atScale(values, power, [, lost, normal, kept]) {
  const bits = new Int32Array(values.slice().buffer); // the exponent stands in the bits
  const bars = new Array(HIGHEST - LOWEST + 1).fill(0);
  const now = { zero: 0, lost: 0, subnormal: 0, normal: 0, overflow: 0 };
  const scale = 2 ** power;
  values.forEach((value, i) => {
    if (value === 0) {
      now.zero += 1;
      return;
    }
    const exponent = ((bits[i] >> 23) & 255) - 127 + power;
    bars[Math.max(LOWEST, Math.min(HIGHEST, exponent)) - LOWEST] += 1;
    const size = Math.abs(value) * scale;
    now[size <= lost ? "lost" : size < normal ? "subnormal" : size <= kept ? "normal" : "overflow"] += 1;
  });
  const largest = largestOf(values);
  const most = POWERS.findLast((each) => largest * 2 ** each <= kept) ?? null;
  return { ...now, bars, most };
}

export default {
  render({ model, el }) {
    root(el, "gradient-scale", "Gradients under a loss scale");
    const gradientsOf = read(model);
    const set = setter(model);
    const layer = choice("Gradient of", model.get("layers"), model.get("layer"), (value) => set("layer", value));
    const names = model.get("formats").map(([name]) => name);
    const format = choice("Format", names, model.get("format"), (value) => set("format", value));
    const slider = sliderRow("Loss scale", { min: POWERS[0], max: POWERS.at(-1), name: "Loss scale, as a power of two" }, (power) => set("power", power));
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field, format.field),
      element("div", { class: "wts-panels" }, picture),
      slider.row, readout,
    );

    function show(width) {
      const values = gradientsOf(model.get("layer"));
      const limits = model.get("formats").find(([name]) => name === model.get("format"));
      const power = model.get("power");
      const now = atScale(values, power, limits);
      const share = (count) => percent(count / values.length);
      layer.select.value = model.get("layer");
      format.select.value = model.get("format");
      slider.range.value = power;
      slider.shown.textContent = `2^${power}`;
      slider.range.setAttribute("aria-valuetext", `2 to the ${power}: ${share(now.lost)} lost, ${share(now.overflow)} too large`);
      readout.replaceChildren(
        entry("Lost", share(now.lost), "rounded to zero"),
        entry("Subnormal", share(now.subnormal), "with fewer bits"),
        entry("Normal", share(now.normal), "with all bits"),
        entry("Too large", share(now.overflow), limits[3] < 1000 ? "become the largest" : "become infinite"),
        entry("Zero anyway", share(now.zero), "before rounding"),
        entry("Room up to", now.most === null ? "none" : `2^${now.most}`, "nothing too large"),
      );
      if (width) picture.replaceChildren(drawBars(width, now, limits));
    }

    return keepShown(model, ["layer", "format", "power"], picture, show);
  },
};

/** The histogram over the binary exponent, colored by what becomes of the gradients, with the borders of the format. */
function drawBars(width, now, [name, lost, normal, kept]) {
  const [left, right, top, bottom] = [46, width - 8, 40, 216];
  const x = (exponent) => left + ((exponent - LOWEST) / (HIGHEST + 1 - LOWEST)) * (right - left);
  const { y, levels } = countScale(Math.max(1, ...now.bars), false, { top, bottom });
  const hatch = unique("hatch");
  const total = now.bars.reduce((sum, count) => sum + count, 0);
  const svg = shape("svg", {
    height: 268, role: "img",
    "aria-label": `Histogram of ${total} gradients by their power of two in ${name}: ${now.lost} lost, ${now.subnormal} subnormal, ` +
      `${now.normal} normal, ${now.overflow} too large.`,
  }, shape("defs", {}, hatching(hatch)));
  countLines(svg, { left, right, y }, levels);
  // The borders are powers of two, but for the last one, which lies just below one.
  const borders = [Math.log2(lost), Math.log2(normal), Math.ceil(Math.log2(kept))];
  now.bars.forEach((count, i) => {
    if (!count) return;
    const exponent = LOWEST + i;
    const kind = borders.filter((border) => exponent >= border).length;
    const box = { x: x(exponent), y: y(count), width: Math.max(0.5, x(exponent + 1) - x(exponent) - 0.5), height: bottom - y(count) };
    const style = kind === 3 ? "stroke: none" : null; // the stroke of a dot would leave nothing of a narrow bar
    svg.append(shape("rect", { class: ["removed-back", "some-kept", "kept", "threshold-fill"][kind], style, ...box }));
    if (kind === 0) svg.append(shape("rect", { fill: `url(#${hatch})`, ...box }));
  });
  const words = width < 480 ? ["lost", "subn.", "normal"] : ["lost", "subnormal", "normal"];
  const edges = [LOWEST, ...borders, HIGHEST + 1].map((border) => Math.max(LOWEST, Math.min(HIGHEST + 1, border)));
  words.forEach((word, i) => {
    if (x(edges[i + 1]) - x(edges[i]) > 6.4 * word.length) {
      svg.append(shape("text", { x: (x(edges[i]) + x(edges[i + 1])) / 2, y: 30, "text-anchor": "middle" }, word));
    }
  });
  if (edges[3] < HIGHEST + 1) svg.append(shape("text", { x: right, y: 30, "text-anchor": "end" }, width < 480 ? ">" : "too large"));
  for (const border of edges.slice(1, 4)) {
    if (border > LOWEST && border <= HIGHEST) svg.append(shape("path", { class: "mark", d: `M${x(border)} ${top - 4}V${bottom}` }));
  }
  axisBelow(svg, { left, right, bottom, x }, width < 480 ? [-48, -24, 0, 24] : [-48, -36, -24, -12, 0, 12, 24], "size of a scaled gradient", (power) => `2^${power}`);
  return svg;
}
