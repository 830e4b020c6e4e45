// Draws platforms' roofs, layers under the chosen one, and a point to move along it.

const ROOF_HEIGHT = 330;

/** What a platform reaches at an intensity; as `under_roof` in Python. */
export function underRoof({ peak, bandwidth }, intensity) {
  const ridge = peak / bandwidth;
  return { attainable: Math.min(peak, bandwidth * intensity), bound: intensity < ridge ? "memory" : "compute", ridge };
}

function pairs(view, first, second) {
  const values = typed(view, Float64Array);
  return Array.from({ length: values.length / 2 }, (_, i) => ({ [first]: values[2 * i], [second]: values[2 * i + 1] }));
}

const perByte = (intensity) => `${significant(intensity)} op/B`;
const PER_SECOND = "op/s";

export default {
  render({ model, el }) {
    root(el, "roofline", "Roofline");
    const roofs = pairs(model.get("roofs"), "peak", "bandwidth");
    const names = model.get("platforms");
    const layers = pairs(model.get("points"), "intensity", "operations")
      .map((point, i) => ({ ...point, name: model.get("names")[i] }));
    const [lowest, highest] = [model.get("lowest"), model.get("highest")];
    const set = setter(model);
    const move = (intensity) => set("intensity", Math.min(highest, Math.max(lowest, intensity)));

    const platform = choice("Platform", names, model.get("platform"), (value) => set("platform", value));
    const FREE = "move it yourself";
    const place = choice("Point at", [FREE, ...layers.map((layer) => layer.name)], FREE, (name) => {
      const layer = layers.find((each) => each.name === name);
      if (layer) move(layer.intensity);
    });
    const others = element("input", { type: "checkbox", onchange: () => set("others", others.checked) });
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, platform.field, layers.length ? place.field : null,
        names.length > 1 ? element("label", { class: "wts-field" }, others, element("span", {}, "show the other platforms")) : null),
      element("div", { class: "wts-panels" }, picture),
      element("p", { class: "wts-note" }, "Drag the orange point, or focus it and press the arrow keys (Page Up and Page Down for larger steps)."),
      readout,
    );
    const drawing = makeDrawing(picture, { lowest, highest, move, model });

    function show(width) {
      const chosen = names.indexOf(model.get("platform"));
      const intensity = model.get("intensity");
      const now = underRoof(roofs[chosen], intensity);
      const at = layers.find((layer) => layer.intensity === intensity);
      platform.select.value = model.get("platform");
      place.select.value = at ? at.name : FREE;
      others.checked = model.get("others");
      readout.replaceChildren(
        entry("Intensity", perByte(intensity), at ? at.name : "operations per byte"),
        entry("Attainable", quantity(now.attainable, PER_SECOND), `${percent(now.attainable / roofs[chosen].peak)} of the peak`),
        entry("Bound by", now.bound, now.bound === "memory" ? "left of the ridge" : "right of the ridge"),
        entry("Ridge", perByte(now.ridge), `${quantity(roofs[chosen].peak, PER_SECOND)}, ${quantity(roofs[chosen].bandwidth, "B/s")}`),
        ...(at ? [entry("At best", quantity(at.operations / now.attainable, "s"), `for ${quantity(at.operations, "op")}`)] : []),
      );
      if (width) drawing({ width, roofs, names, chosen, layers, now, intensity, others: model.get("others") });
    }

    return keepShown(model, ["platform", "intensity", "others"], picture, show);
  },
};

/** Returns a function that draws. The handle stays the same element, so that it keeps the focus and the pointer. */
function makeDrawing(picture, { lowest, highest, move, model }) {
  const back = shape("g");
  const handle = shape("g", { ...OWN_KEYS, class: "handle", role: "slider", tabindex: 0, "aria-label": "Arithmetic intensity of the point" },
    shape("circle", { class: "ring", r: 14 }), shape("circle", { class: "threshold-fill", r: 7.5 }));
  const svg = shape("svg", { height: ROOF_HEIGHT }, back, handle);
  picture.append(svg);
  let [left, right] = [0, 1];
  const x = (intensity) => left + (Math.log(intensity / lowest) / Math.log(highest / lowest)) * (right - left);

  const follow = (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - left) / (right - left);
    move(lowest * (highest / lowest) ** share);
  };
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => handle.hasPointerCapture(event.pointerId) && follow(event));
  handle.addEventListener("keydown", (event) => {
    const factor = { ArrowRight: 2 ** 0.125, ArrowUp: 2 ** 0.125, ArrowLeft: 2 ** -0.125, ArrowDown: 2 ** -0.125, PageUp: 2, PageDown: 0.5 }[event.key];
    const to = { Home: lowest, End: highest }[event.key] ?? (factor && model.get("intensity") * factor);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(to);
  });

  return ({ width, roofs, names, chosen, layers, now, intensity, others }) => {
    [left, right] = [70, width - 92];
    const [top, bottom] = [26, ROOF_HEIGHT - 40];
    const shown = roofs.map((roof, i) => ({ ...roof, name: names[i], chosen: i === chosen })).filter((roof) => roof.chosen || others);
    const most = Math.max(...roofs.map((roof) => roof.peak)) * 3;
    const leftmost = Math.min(0.1, ...layers.map((layer) => layer.intensity)) / 2;
    const least = Math.min(...roofs.map((roof) => underRoof(roof, Math.max(lowest, leftmost)).attainable));
    const y = (rate) => bottom - (Math.log(rate / least) / Math.log(most / least)) * (bottom - top);
    back.replaceChildren();
    const add = (...args) => back.append(shape(...args));
    const clip = unique("roof");
    back.append(shape("clipPath", { id: clip }, shape("rect", { x: left, y: top, width: right - left, height: bottom - top })));

    for (const power of powers(least, most)) {
      add("path", { class: "grid", d: `M${left} ${y(power)}H${right}` });
      add("text", { x: left - 7, y: y(power) + 4, "text-anchor": "end" }, quantity(power, PER_SECOND));
    }
    for (const power of powers(lowest, highest)) {
      add("path", { class: "grid", d: `M${x(power)} ${top}V${bottom}` });
      add("text", { x: x(power), y: bottom + 17, "text-anchor": "middle" }, power >= 1 ? significant(power) : String(power));
    }
    add("text", { x: left - 66, y: 12 }, "attainable");
    add("text", { x: right, y: bottom + 35, "text-anchor": "end" }, "arithmetic intensity, operations per byte");
    add("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` });

    const labels = [];
    for (const roof of shown.sort((a, b) => a.chosen - b.chosen)) {
      const ridge = roof.peak / roof.bandwidth;
      const points = [lowest, ridge, highest].map((at) => `${x(at)} ${y(underRoof(roof, at).attainable)}`);
      add("path", { class: roof.chosen ? "roof chosen" : "roof", d: `M${points.join("L")}`, "clip-path": `url(#${clip})` });
      labels.push({ text: roof.name, y: y(roof.peak) + 4, chosen: roof.chosen });
      if (roof.chosen) add("path", { class: "ridge", d: `M${x(ridge)} ${y(roof.peak)}V${bottom}` });
    }
    for (const label of spread(labels)) {
      add("text", { x: right + 7, y: label.y, class: label.chosen ? "chosen" : "" }, label.text);
    }

    // Names stand below their points, one or two lines down, or above, where there is room for them.
    const taken = [];
    for (const layer of [...layers].sort((a, b) => a.intensity - b.intensity)) {
      const [px, py] = [x(layer.intensity), y(underRoof(roofs[chosen], layer.intensity).attainable)];
      back.append(shape("circle", { class: "layer", cx: px, cy: py, r: 5 },
        shape("title", {}, `${layer.name}: ${perByte(layer.intensity)}, ${quantity(layer.operations, "op")}`)));
      const box = { left: px + 7, right: px + 12 + layer.name.length * 6.4 };
      const free = (line) => line < bottom - 3 && !taken.some((t) => box.left < t.right && t.left < box.right && Math.abs(t.y - line) < 13);
      box.y = [py + 18, py + 32, py - 10].find(free);
      if (box.y === undefined || box.right > right) continue; // its name stands in the list and in its title
      taken.push(box);
      add("text", { x: box.left, y: box.y, class: "strong" }, layer.name);
    }

    const [px, py] = [x(intensity), y(now.attainable)];
    add("path", { class: "drop", d: `M${px} ${bottom}V${py}H${left}` });
    handle.setAttribute("transform", `translate(${px} ${py})`);
    handle.setAttribute("aria-valuemin", significant(lowest));
    handle.setAttribute("aria-valuemax", String(Math.round(highest)));
    handle.setAttribute("aria-valuenow", Number(intensity.toPrecision(3)));
    handle.setAttribute("aria-valuetext",
      `${significant(intensity)} operations per byte: ${quantity(now.attainable, "operations per second")}, bound by ${now.bound}`);
  };
}

/** The powers of ten from low to high, thinned to eight at most. */
function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const every = Math.ceil((last - first + 1) / 8);
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => Number(`1e${first + i * every}`));
}

/** Move labels apart that would overlap, from top to bottom. */
function spread(labels) {
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + 13);
  return sorted;
}
