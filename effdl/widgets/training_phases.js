// Draws the weights of a layer after each epoch: those that the sparse phase keeps, and on top of them those that it removes.

const BINS = 81;
const STRIP = 34; // height of the strip of phases

/** The weights of a layer after an epoch; as `Snapshot` in Python. */
export function at(model, layer, epoch) {
  const row = model.get("layers").indexOf(layer) * model.get("phases").length + epoch;
  const width = 2 * BINS + 2;
  const numbers = Array.from(typed(model.get("counts"), Uint32Array).subarray(row * width, (row + 1) * width));
  const [kept_size, removed_size] = typed(model.get("sizes"), Float64Array).subarray(2 * row, 2 * row + 2);
  return {
    kept: numbers.slice(0, BINS), removed: numbers.slice(BINS, 2 * BINS),
    zeros: numbers[2 * BINS], weights: numbers[2 * BINS + 1], kept_size, removed_size,
  };
}

export default {
  render({ model, el }) {
    root(el, "training-phases", "Weights through the phases of training");
    const layer = choice("Layer", model.get("layers"), model.get("layer"), (value) => setter(model)("layer", value));
    const epochs = model.get("phases").length;
    const steps = stepper(model, "epoch", { label: "Epoch", name: "Epoch of training", last: () => epochs - 1 });
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, layer.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, picture),
      steps.row, readout,
    );

    function show(width) {
      const [epoch, name] = [steps.at(), model.get("layer")];
      const [now, phase] = [at(model, name, epoch), model.get("phases")[epoch]];
      layer.select.value = name;
      steps.show(`${epoch + 1} of ${epochs}`, `${epoch + 1} of ${epochs}, ${phase}`);
      readout.replaceChildren(
        entry("Phase", phase, `after epoch ${epoch + 1}`),
        entry("Accuracy", percent(model.get("accuracy")[epoch]), "of the validation images"),
        entry("Exactly zero", percent(now.zeros / now.weights), `${significant(now.zeros)} of ${significant(now.weights)}`),
        entry("Mean size, kept", significant(now.kept_size), "by the sparse phase"),
        entry("Mean size, removed", significant(now.removed_size), "by the sparse phase"),
      );
      if (!width) return;
      const limit = model.get("limits")[model.get("layers").indexOf(name)];
      // The scale stays through the epochs, so that the bars move and not the axis. Weights that have just left zero crowd
      // in one bin and would flatten all others: their bar ends at the top.
      const tallest = 1.6 * Math.max(...Array.from({ length: epochs }, (_, i) => Math.max(...at(model, name, i).kept)), 1);
      picture.replaceChildren(drawWeights(width, now, limit, tallest), drawPhases(width, model, epoch));
    }

    const stop = keepShown(model, ["layer", "epoch"], picture, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** Bars of the kept weights, and on top of them, hatched, those of the removed ones. Zeros are a number beside the middle. */
function drawWeights(width, now, limit, tallest) {
  const [left, right, top, bottom, height] = [46, width - 8, 26, 206, 256];
  const { y, levels } = countScale(tallest, false, { top, bottom });
  const x = (value) => left + ((value + limit) / (2 * limit)) * (right - left);
  const removed = now.removed.reduce((sum, count) => sum + count, 0);
  const svg = shape("svg", {
    height, role: "img",
    "aria-label": `Histogram of ${significant(now.weights)} weights from ${significant(-limit)} to ${significant(limit)}: ` +
      `${significant(now.zeros)} are zero, ${significant(removed)} of the removed ones are not.`,
  });
  const pattern = unique("removed");
  svg.append(shape("defs", {}, hatching(pattern)));
  countLines(svg, { left, right, y }, levels);
  const bar = (i, from, to) => `M${x(edge(i)).toFixed(2)} ${y(from).toFixed(2)}V${y(to).toFixed(2)}H${x(edge(i + 1)).toFixed(2)}V${y(from).toFixed(2)}Z`;
  const edge = (i) => -limit + (2 * limit * i) / BINS;
  const below = now.kept.map((count, i) => (count ? bar(i, 0, count) : "")).join("");
  const above = now.removed.map((count, i) => (count ? bar(i, now.kept[i], now.kept[i] + count) : "")).join("");
  svg.append(
    shape("path", { class: "kept", d: below }),
    shape("path", { class: "removed-back", d: above }),
    shape("path", { fill: `url(#${pattern})`, d: above }));
  if (now.zeros) {
    svg.append(
      shape("path", { class: "zero", d: `M${x(0)} ${bottom}V${top - 6}` }),
      shape("text", { class: "strong", x: x(0) + 6, y: top + 2 }, `${significant(now.zeros)} at zero`));
  }
  axisBelow(svg, { left, right, bottom, x }, placesFor(-limit, limit, (right - left) / 70), "weight w");
  svg.append(
    shape("rect", { class: "kept", x: left, y: bottom + 23, width: 14, height: 9 }),
    shape("text", { x: left + 19, y: bottom + 31 }, "kept"),
    shape("rect", { class: "removed-back", x: left + 62, y: bottom + 23, width: 14, height: 9 }),
    shape("rect", { fill: `url(#${pattern})`, x: left + 62, y: bottom + 23, width: 14, height: 9 }),
    shape("text", { x: left + 81, y: bottom + 31 }, "removed"));
  return svg;
}

/** A strip of the phases in their order, with a mark at the epoch. */
function drawPhases(width, model, epoch) {
  const phases = model.get("phases");
  const [left, right] = [46, width - 8];
  const x = (i) => left + (i / phases.length) * (right - left);
  const svg = shape("svg", { height: STRIP, role: "img", "aria-label": `Epoch ${epoch + 1} is in the phase ${phases[epoch]}.` });
  svg.append(shape("path", { class: "axis", d: `M${left} 8H${right}` }));
  let start = 0;
  for (let i = 1; i <= phases.length; i++) {
    if (i < phases.length && phases[i] === phases[start]) continue;
    svg.append(
      shape("path", { class: "axis", d: `M${x(start)} 3v10M${x(i)} 3v10` }),
      shape("text", { x: (x(start) + x(i)) / 2, y: 28, "text-anchor": "middle" }, phases[start]));
    start = i;
  }
  svg.append(shape("circle", { class: "threshold-fill", cx: x(epoch + 0.5), cy: 8, r: 6 }));
  return svg;
}
