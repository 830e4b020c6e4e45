// Draws the probabilities of the classes of an example at a temperature, linear and logarithmic.

const FLOOR = -6; // of the logarithmic picture: a millionth

/** Softmax of some logits at a temperature in tenths; as `at_temperature` in Python. */
export function atTemperature(logits, tenths) {
  const temperature = tenths / 10;
  const largest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp((z - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  const probabilities = powers.map((power) => power / sum);
  const bits = probabilities.reduce((total, p) => total - (p > 0 ? p * Math.log2(p) : 0), 0);
  return { temperature, probabilities, entropy: Math.max(0, bits), others: 1 - Math.max(...probabilities) };
}

/** The logits of an example out of the model's buffer. */
export function logitsOf(model, name) {
  const width = model.get("classes").length;
  const all = typed(model.get("logits"), Float64Array);
  const row = model.get("names").indexOf(name);
  return Array.from(all.subarray(row * width, (row + 1) * width));
}

export default {
  render({ model, el }) {
    root(el, "soft-targets", "Softmax at a temperature");
    const set = setter(model);
    const example = choice("Example", model.get("names"), model.get("example"), (value) => set("example", value));
    const slider = sliderRow("Temperature", { min: 1, max: 200 }, (tenths) => set("tenths", tenths));
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, example.field),
      element("div", { class: "wts-panels" }, picture),
      slider.row, readout,
    );

    function show(width) {
      const name = model.get("example");
      const now = atTemperature(logitsOf(model, name), model.get("tenths"));
      const classes = model.get("classes");
      const order = now.probabilities.map((_, i) => i).sort((a, b) => now.probabilities[b] - now.probabilities[a] || b - a);
      example.select.value = name;
      slider.range.value = model.get("tenths");
      slider.shown.textContent = `T = ${significant(now.temperature)}`;
      slider.range.setAttribute("aria-valuetext", `${significant(now.temperature)}: ${classes[order[0]]} has ${percent(now.probabilities[order[0]])}`);
      readout.replaceChildren(
        entry("Most probable", classes[order[0]], percent(now.probabilities[order[0]])),
        entry("Second", classes[order[1]], `${significant(100 * now.probabilities[order[1]])} %`),
        entry("All others", `${significant(100 * now.others)} %`, "together"),
        entry("Entropy", `${significant(now.entropy)} bits`, `of ${significant(Math.log2(classes.length))} at most`),
      );
      if (!width) return;
      const image = model.get("images")[name];
      const [first, second] = sideBySide(picture, width, image ? 0.24 : 0);
      const parts = [drawBars(first || width, now, classes)];
      if (image) parts.push(drawImage(Math.min(second || width, 180), image, name));
      picture.replaceChildren(...parts);
    }

    return keepShown(model, ["example", "tenths"], picture, show);
  },
};

/** Two rows of bars, one for each class: the probability, and its logarithm. */
function drawBars(width, now, classes) {
  const [left, right, height] = [52, width - 8, 310];
  const step = (right - left) / classes.length;
  const label = classes.map((name, i) => `${name} ${percent(now.probabilities[i])}`).join(", ");
  const svg = shape("svg", { height, role: "img", "aria-label": `Probabilities at temperature ${significant(now.temperature)}: ${label}.` });
  const rows = [
    { top: 22, bottom: 140, name: "probability", levels: [0, 0.5, 1], share: (p) => p, write: String },
    {
      top: 186, bottom: 286, name: "the same, logarithmic", levels: [-6, -4, -2, 0],
      share: (p) => Math.max(0, 1 - Math.log10(Math.max(p, 1e-300)) / FLOOR), write: (power) => (power ? `1e${power}` : "1"),
    },
  ];
  for (const { top, bottom, name, levels, share, write } of rows) {
    const y = (part) => bottom - part * (bottom - top);
    gridLines(svg, { left, right, y: (level) => y(name === "probability" ? level : 1 - level / FLOOR) }, levels, write);
    svg.append(shape("text", { x: left, y: top - 8 }, name));
    now.probabilities.forEach((p, i) => {
      const x = left + (i + 0.15) * step;
      svg.append(shape("rect", { class: "kept", x, y: y(share(p)), width: 0.7 * step, height: Math.max(0, bottom - y(share(p))) }));
    });
    svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  }
  classes.forEach((name, i) => svg.append(shape("text", { x: left + (i + 0.5) * step, y: 156, "text-anchor": "middle" }, name)));
  classes.forEach((name, i) => svg.append(shape("text", { x: left + (i + 0.5) * step, y: 302, "text-anchor": "middle" }, name)));
  return svg;
}

/** The image of the example, dark where it is bright, so that it reads like ink. */
function drawImage(size, rows, name) {
  const cell = size / rows[0].length;
  const svg = shape("svg", { height: cell * rows.length + 24, role: "img", "aria-label": `The image: ${name}.` });
  rows.forEach((row, i) => row.forEach((grey, j) => svg.append(shape("rect", {
    class: "kept", x: j * cell, y: 22 + i * cell, width: cell + 0.3, height: cell + 0.3, "fill-opacity": grey.toFixed(3),
  }))));
  svg.append(
    shape("rect", { class: "axis", x: 0, y: 22, width: size, height: cell * rows.length }),
    shape("text", { x: 0, y: 14 }, name));
  return svg;
}
