// Where the bytes of a compressed network's file go: a bar for each tensor, cut into its parts.

const ALL_TENSORS = "all of the file";
const ALL_PARTS = "all parts";
const ROW = 30;
// A part, and its color: how much of which of the style's colors. Indices are orange, values blue, the rest grey.
const PARTS = {
  header: ["grey", 75], directory: ["grey", 45], checksums: ["grey", 100], sizes: ["grey", 25],
  codebook: ["ink", 70], "code lengths": ["ink", 30],
  "index blocks": ["orange", 40], indices: ["orange", 90],
  "code blocks": ["blue", 35], codes: ["blue", 95], weights: ["blue", 65], numbers: ["blue", 50],
};

const total = (sizes) => sizes.reduce((sum, size) => sum + size, 0);

/** What a tensor's part takes; as `at` in Python. */
export function at(tensors, numbers, tensor, part) {
  const whole = total(Object.values(tensors).flatMap((parts) => Object.values(parts)));
  const rows = tensor === ALL_TENSORS ? Object.values(tensors) : [tensors[tensor]];
  const size = total(rows.flatMap((parts) => Object.entries(parts).filter(([name]) => part === ALL_PARTS || part === name).map(([, size]) => size)));
  const weights = tensor in numbers ? numbers[tensor] : total(Object.values(numbers));
  return { size, share: size / whole, weights, bits: weights ? (8 * size) / weights : 0 };
}

export default {
  render({ model, el }) {
    root(el, "file-map", "Bytes of a compressed network");
    const set = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    };
    const file = choice("File", model.get("files"), model.get("file"), (value) => set({ file: value, tensor: ALL_TENSORS, part: ALL_PARTS }));
    const tensor = choice("Tensor", [], "", (value) => set({ tensor: value }));
    const part = choice("Part", [], "", (value) => set({ part: value }));
    const scale = choice("Bars", ["bytes", "shares"], "bytes", () => show());
    const picture = element("div");
    const readout = element("div", { class: "wts-readout", "aria-live": "polite" });
    const key = element("div", { class: "wts-row wts-note" });
    el.append(
      element("div", { class: "wts-row" }, model.get("files").length > 1 ? file.field : null, tensor.field, part.field, scale.field),
      element("div", { class: "wts-panels" }, picture), key, readout);

    const options = (select, names, chosen) => {
      select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
      select.value = chosen;
    };
    let wide = 0; // kept for the choice of the bars, which is no trait
    function show(width = wide) {
      wide = width;
      const [tensors, numbers] = [model.get("tensors")[model.get("file")], model.get("numbers")[model.get("file")]];
      const chosen = { tensor: model.get("tensor") in tensors ? model.get("tensor") : ALL_TENSORS, part: model.get("part") };
      const used = Object.keys(PARTS).filter((name) => Object.values(tensors).some((parts) => name in parts));
      file.select.value = model.get("file");
      options(tensor.select, [ALL_TENSORS, ...Object.keys(tensors)], chosen.tensor);
      options(part.select, [ALL_PARTS, ...Object.keys(PARTS).filter((name) => used.includes(name) || name === chosen.part)], chosen.part);
      key.replaceChildren(...used.map((name) => element("span", {}, swatch(name), ` ${name}`)));
      const now = at(tensors, numbers, chosen.tensor, chosen.part);
      const whole = at(tensors, numbers, ALL_TENSORS, ALL_PARTS);
      readout.replaceChildren(
        entry("Chosen", `${significant(now.size)} bytes`, `${chosen.tensor}, ${chosen.part}`),
        entry("Share of the file", percent(now.share), `of ${significant(whole.size)} bytes`),
        entry("Bits a number", significant(now.bits), `for ${significant(now.weights)} numbers`),
        entry("Times smaller than float32", significant((4 * whole.weights) / whole.size), "the whole file"),
      );
      if (width) picture.replaceChildren(draw(width, tensors, chosen, scale.select.value, (choice) => set(choice)));
    }

    return keepShown(model, ["file", "tensor", "part"], picture, show);
  },
};

function color(part) {
  const [name, strength] = PARTS[part];
  return `color-mix(in srgb, var(--wts-${name}) ${strength}%, var(--wts-paper))`;
}

function swatch(part) {
  const svg = shape("svg", { style: "display:inline-block;width:12px;height:12px;vertical-align:-1px", "aria-hidden": "true", viewBox: "0 0 12 12" });
  svg.append(shape("rect", { width: 12, height: 12, style: `fill:${color(part)};stroke:var(--wts-soft)` }));
  return svg;
}

/** One bar for each tensor; a click on a part chooses it. */
function draw(width, tensors, chosen, scale, choose) {
  const names = Object.keys(tensors);
  const sizes = names.map((name) => total(Object.values(tensors[name])));
  const left = Math.min(150, Math.max(...names.map((name) => 7 * name.length)) + 10);
  const right = width - 62;
  const largest = Math.max(...sizes);
  const svg = shape("svg", {
    height: names.length * ROW + 6, role: "img",
    "aria-label": `Bytes of each tensor: ${names.map((name, i) => `${name} ${significant(sizes[i])}`).join(", ")}.`,
  });
  names.forEach((name, row) => {
    const top = row * ROW + 4;
    const unit = (right - left) / (scale === "shares" ? sizes[row] : largest);
    svg.append(shape("text", { x: left - 8, y: top + 16, "text-anchor": "end", class: name === chosen.tensor ? "strong" : "" }, name.length > 20 ? `${name.slice(0, 19)}…` : name));
    let x = left;
    for (const part of Object.keys(PARTS).filter((each) => each in tensors[name])) {
      const size = tensors[name][part];
      const wide = size * unit;
      const picked = (chosen.tensor === name || chosen.tensor === ALL_TENSORS) && (chosen.part === part || chosen.part === ALL_PARTS);
      const marked = picked && !(chosen.tensor === ALL_TENSORS && chosen.part === ALL_PARTS);
      const bar = shape("rect", {
        x: x.toFixed(2), y: top, width: Math.max(wide, 0.4).toFixed(2), height: ROW - 8, "data-part": `${name}/${part}`,
        style: `cursor:pointer;fill:${color(part)};stroke:${marked ? "var(--wts-ink)" : "var(--wts-paper)"};stroke-width:${marked ? 2 : 0.6}`,
        onclick: () => choose({ tensor: name, part }),
      });
      bar.append(shape("title", {}, `${name}, ${part}: ${significant(size)} bytes`));
      svg.append(bar);
      x += wide;
    }
    svg.append(shape("text", { x: x + 6, y: top + 16 }, `${significant(sizes[row])} B`));
  });
  return svg;
}
