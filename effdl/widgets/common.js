// What the widgets share. Every widget's module is this text followed by its own file.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element: element("p", {class: "note"}, "text", child). An attribute that is null is left out. */
function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element in the same way. */
function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** JupyterLab leaves the keys of a control alone (the arrows would go to another cell) if the control itself says so. */
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

function fill(node, attributes, children) {
  if (["input", "select", "button"].includes(node.localName)) attributes = { ...OWN_KEYS, ...attributes };
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Write a number with some significant digits, whole from 1000 on; as `effdl.widgets.base.significant`. */
function significant(value, digits = 3) {
  if (Math.abs(value) >= 1000) {
    const whole = Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
    return whole.toLocaleString("en-US");
  }
  const text = Number(value.toPrecision(digits)).toLocaleString("en-US", {
    useGrouping: false, maximumSignificantDigits: digits,
  });
  return text === "-0" ? "0" : text;
}

/** Write a share of one as a percentage. */
function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];

/** Write a quantity with its unit and the fitting prefix: 2.5e12 with "op/s" is "2.5 Top/s". */
function quantity(value, unit) {
  const [size, prefix] = PREFIXES.find(([size]) => value >= size * 0.9995) ?? PREFIXES.at(-1);
  return `${significant(value / size)} ${prefix}${unit}`;
}

/** Read the bytes of a synced buffer as a typed array: typed(view, Float32Array). */
function typed(view, Type) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** Round numbers that divide [low, high] into about `count` equal steps. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const marks = [];
  for (let i = first; i * step <= high + step * 1e-9; i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

let made = 0;

/** A name for an element's id that no other element on the page has. */
function unique(name) {
  made += 1;
  return `wts-${name}-${Date.now().toString(36)}-${made}`;
}

/** Name the widget for the style sheet and for a screen reader. */
function root(el, name, label) {
  el.classList.add("wts", `wts-${name}`);
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", label);
}

/** Call draw(width) now and whenever the width of `host` changes; returns the function that stops it. */
function atWidth(host, draw) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    const now = Math.floor(host.clientWidth);
    if (now > 0 && now !== width) draw((width = now));
  });
  observer.observe(host);
  return { width: () => width, stop: () => observer.disconnect() };
}

/** setter(model)(name, value) changes the model, and tells Python of it where there is a kernel. */
const setter = (model) => (name, value) => {
  model.set(name, value);
  model.save_changes();
};

/** Call show(width) now, when one of the traits changes, and when the width of `host` does; the width is 0 until the host
 *  is laid out. Returns the function that stops it. */
function keepShown(model, traits, host, show) {
  const plot = atWidth(host, show);
  const again = () => show(plot.width());
  const watched = traits.map((name) => `change:${name}`).join(" ");
  model.on(watched, again);
  again();
  return () => {
    plot.stop();
    model.off(watched, again);
  };
}

/** A slider with its label before it and its value, to be filled in, behind it: { row, range, shown }. */
function sliderRow(label, { min = 0, max = 1, name = label }, oninput) {
  const range = element("input", { type: "range", min, max, step: 1, "aria-label": name, oninput: () => oninput(range.valueAsNumber) });
  const shown = element("output", {});
  const row = element("div", { class: "wts-slider" }, element("span", { "aria-hidden": "true" }, label), range, shown);
  return { row, range, shown };
}

/** A labelled <select>: choice("layer", names, chosen, (name) => ...). */
function choice(label, names, chosen, onchange) {
  const select = element("select", { onchange: () => onchange(select.value) });
  for (const name of names) select.append(element("option", { value: name }, name));
  select.value = chosen;
  return { field: element("label", { class: "wts-field" }, element("span", {}, label), select), select };
}

/** One entry of a readout: its name, its value, and a remark below. (Themes style lists of terms, so it is none.) */
function entry(name, value, remark) {
  const lines = { name, value, remark };
  return element("div", {}, ...Object.entries(lines).map(([line, text]) => element("span", { class: `wts-${line}` }, text)));
}
