// A loop nest, step by step, from the trace that the simulator wrote: what each memory holds, reads and writes.

const TENSORS = ["weights", "inputs", "outputs"];
const KINDS = ["read", "fill", "update"];

/** Everything of one nest out of the model's buffers. */
export function read(model, name) {
  const [plans, shapes] = [model.get("plans"), model.get("shapes")];
  const sizes = shapes.map((shape) => shape.reduce((product, side) => product * side, 1));
  const elements = sizes.reduce((sum, size) => sum + size, 0);
  const at = { events: 0, used: 0, held: 0 };
  for (const [i, plan] of plans.entries()) {
    const [steps, atOnce, accesses, levels, loops, mac] = plan;
    const length = { events: 6 * accesses, used: 3 * steps * atOnce, held: levels.length * steps * elements };
    if (model.get("names")[i] === name) {
      const cut = (key, Type) => typed(model.get(key), Type).subarray(at[key], at[key] + length[key]);
      return {
        steps, atOnce, levels, loops, shapes, sizes, elements, prices: [...levels.map(([, , price]) => price), mac],
        events: cut("events", Int32Array), used: cut("used", Int32Array), held: cut("held", Uint8Array),
        weights: typed(model.get("weights"), Float64Array), inputs: typed(model.get("inputs"), Float64Array),
      };
    }
    for (const key of Object.keys(at)) at[key] += length[key];
  }
  return null;
}

/** What `step` steps have done; as `at_step` in Python. */
export function atStep(plan, step) {
  const { events, used, steps, atOnce, levels, loops, prices, sizes, weights, inputs } = plan;
  step = Math.min(step, steps);
  const counts = levels.map(() => [0, 0, 0]);
  const total = new Array(sizes[2]).fill(0);
  const sums = levels.map(() => new Array(sizes[2]).fill(0));
  const touched = [];
  let event = 0;
  for (let now = 0; now < step; now++) {
    for (let i = now * atOnce; i < (now + 1) * atOnce; i++) {
      const [w, x, o] = [0, 1, 2].map((tensor) => used[tensor * steps * atOnce + i]);
      total[o] += weights[w] * inputs[x];
    }
    for (; events[event] === now; event += 6) {
      const [level, tensor, kind, element] = events.subarray(event + 1, event + 5);
      counts[level][kind] += 1;
      if (tensor === 2 && kind === 2) sums[level][element] = total[element];
      if (now === step - 1) touched.push(Array.from(events.subarray(event + 1, event + 6)));
    }
  }
  const amounts = [...counts.map((three) => three[0] + three[1] + three[2]), step * atOnce];
  let rest = step - 1;
  const turns = loops.map(() => -1);
  for (let i = loops.length - 1; i >= 0 && step; i--) {
    const [, bound, spatial] = loops[i];
    if (spatial) continue;
    turns[i] = rest % bound;
    rest = Math.floor(rest / bound);
  }
  return { counts, energy: amounts.map((amount, i) => amount * prices[i]), touched, turns, sums };
}

export default {
  render({ model, el }) {
    root(el, "nest", "A loop nest, step by step");
    let [name, plan, total] = ["", null, null];
    const order = choice("Nest", model.get("names"), model.get("nest"), (chosen) => {
      steps.pause();
      model.set("step", 0);
      setter(model)("nest", chosen);
    });
    const steps = stepper(model, "step", { label: "Step", name: "Step of the nest", last: () => plan.steps });
    const [code, picture] = [element("div", { class: "wts-code" }), element("div")];
    const bars = element("div", { style: "margin-top: 0.9rem" });
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, order.field, ...steps.buttons), code,
      element("div", { class: "wts-panels" }, picture), steps.row, readout, bars,
    );

    function show(width) {
      if (name !== model.get("nest")) {
        name = model.get("nest");
        plan = read(model, name);
        total = atStep(plan, plan.steps);
      }
      order.select.value = name;
      const step = steps.at();
      const now = atStep(plan, step);
      const energy = now.energy.reduce((sum, part) => sum + part, 0);
      steps.show(`${step} of ${plan.steps}`, `${step} of ${plan.steps}: energy ${significant(energy)}`);
      code.replaceChildren(...lines(plan, now.turns));
      readout.replaceChildren(
        ...plan.levels.map(([level], i) => entry(
          level, significant(now.counts[i][0] + now.counts[i][1] + now.counts[i][2]),
          `${now.counts[i][0]} read, ${now.counts[i][1] + now.counts[i][2]} written`)),
        entry("MAC", significant(step * plan.atOnce), plan.atOnce > 1 ? `${plan.atOnce} at once` : "one at a time"),
        entry("Energy", significant(energy), `of ${significant(total.energy.reduce((sum, part) => sum + part, 0))} in the end`),
      );
      if (!width) return;
      picture.replaceChildren(drawLevels(width, plan, now, step));
      bars.replaceChildren(drawEnergy(width, plan, now.energy, total.energy));
    }

    const stop = keepShown(model, ["nest", "step"], picture, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** The nest as text, a line for each memory and loop, with the loops' indices. */
function lines({ levels, loops }, turns) {
  const text = [];
  const line = (depth, words) => text.push(element("div", { style: `padding-left:${depth}em` }, words));
  for (let i = 0; i <= loops.length; i++) {
    for (const [level, keeps, , start] of levels) {
      if (start === i) line(i, `${level} holds ${keeps.length ? keeps.map((tensor) => TENSORS[tensor]).join(", ") : "nothing"}`);
    }
    if (i === loops.length) break;
    const [dim, bound, spatial] = loops[i];
    const index = turns[i] < 0 ? `0 … ${bound - 1}` : `${turns[i]} of 0 … ${bound - 1}`;
    line(i, spatial ? `at once ${dim} = 0 … ${bound - 1}` : `for ${dim} = ${index}`);
  }
  return text;
}

/** Rows and columns of a tensor as it is drawn: its planes below each other. */
function layout([first, second, rows, columns]) {
  return { planes: first * second, rows, columns, high: first * second * (rows + 0.4) - 0.4 };
}

/** Every memory with the three tensors: what it holds, and what is read and written in this step. */
function drawLevels(width, plan, now, step) {
  const layouts = plan.shapes.map(layout);
  const across = layouts.reduce((sum, one) => sum + one.columns, 0);
  const side = width >= 640 ? plan.levels.length : 1; // memories side by side, or below each other
  const gap = 14;
  const room = (width - (side - 1) * 26) / side;
  const cell = Math.max(12, Math.min(26, (room - 2 * gap) / across));
  const head = 40;
  const tall = head + cell * Math.max(...layouts.map((one) => one.high)) + 14;
  const words = plan.levels.map(([level], i) => {
    const mine = now.touched.filter(([where]) => where === i);
    return `${level}: ${KINDS.map((kind, k) => `${mine.filter((one) => one[2] === k).length} ${kind}`).join(", ")}`;
  });
  const svg = shape("svg", {
    height: tall * (plan.levels.length / side) + 22, role: "img",
    "aria-label": `Step ${step}. ${words.join("; ")}.`,
  });
  plan.levels.forEach(([level, keeps, price, , instances], i) => {
    const [left, top] = side > 1 ? [i * (room + 26), 0] : [0, i * tall];
    svg.append(shape("text", { x: left, y: top + 13, class: "strong" }, `${level}${instances > 1 ? `, ${instances} of them` : ""}`));
    svg.append(shape("text", { x: left + Math.min(room, across * cell + 2 * gap), y: top + 13, "text-anchor": "end" }, `${significant(price)} an access`));
    let x = left;
    let before = 0;
    layouts.forEach((one, tensor) => {
      const box = { x, y: top + head, cell, ...one };
      svg.append(shape("text", { x, y: top + 32 }, cell * one.columns < 42 ? TENSORS[tensor][0].toUpperCase() : TENSORS[tensor]));
      drawTensor(svg, box, plan, now, { level: i, tensor, before, kept: keeps.includes(tensor), step });
      x += one.columns * cell + gap;
      before += plan.sizes[tensor];
    });
  });
  const y = tall * (plan.levels.length / side) + 12;
  const key = [["kept", "held"], ["curve", "read"], ["threshold", "written"]];
  key.forEach(([className, text], i) => {
    const x = 2 + i * 92;
    svg.append(
      shape("rect", { x, y: y - 10, width: 12, height: 12, class: className, "fill-opacity": i ? 0 : 0.16, "stroke-dasharray": i === 2 ? "3 2" : null, fill: i ? "none" : null }),
      shape("text", { x: x + 18, y }, text));
  });
  return svg;
}

/** One tensor at one memory: a cell for each number. */
function drawTensor(svg, { x, y, cell, rows, columns }, plan, now, { level, tensor, before, kept, step }) {
  const mine = now.touched.filter(([where, what]) => where === level && what === tensor);
  const values = [plan.weights, plan.inputs, now.sums[level]][tensor];
  const small = cell < 18 ? 2 : 3; // characters that fit
  for (let element = 0; element < plan.sizes[tensor]; element++) {
    const plane = Math.floor(element / (rows * columns));
    const row = Math.floor((element % (rows * columns)) / columns);
    const place = { x: x + (element % columns) * cell, y: y + (plane * (rows + 0.4) + row) * cell, width: cell - 1.5, height: cell - 1.5 };
    const there = step && plan.held[(level * plan.steps + step - 1) * plan.elements + before + element];
    svg.append(shape("rect", { ...place, class: "kept", "fill-opacity": there ? 0.16 : 0, stroke: kept ? "var(--wts-line)" : "none" }));
    const kinds = mine.filter(([, , , one]) => one === element).map(([, , kind]) => kind);
    const inner = (by, extra) => shape("rect", { x: place.x + by, y: place.y + by, width: place.width - 2 * by, height: place.height - 2 * by, fill: "none", ...extra });
    if (kinds.includes(0)) svg.append(inner(0, { class: "curve" }));
    if (kinds.some((kind) => kind > 0)) svg.append(inner(2.5, { class: "threshold", "stroke-dasharray": "3 2" }));
    const text = String(values[element]);
    if (there && text.length <= small) {
      svg.append(shape("text", { x: place.x + place.width / 2, y: place.y + place.height / 2 + 4, "text-anchor": "middle", class: "strong", style: cell < 20 ? "font-size:10px" : null }, text));
    }
  }
  if (!kept) svg.append(shape("text", { x, y: y + 12 }, "–"));
}

/** A bar for each memory and the MACs: the energy so far, in the frame of what it will be. */
function drawEnergy(width, plan, energy, total) {
  const names = [...plan.levels.map(([level]) => level), "MAC"];
  const [left, right] = [62, width - 58];
  const most = Math.max(...total);
  const svg = shape("svg", {
    height: names.length * 20 + 20, role: "img",
    "aria-label": `Energy so far: ${names.map((name, i) => `${name} ${significant(energy[i])} of ${significant(total[i])}`).join(", ")}.`,
  });
  svg.append(shape("text", { x: 0, y: 12 }, "energy so far, and in the end"));
  names.forEach((name, i) => {
    const y = 22 + i * 20;
    const long = (value) => (value / most) * (right - left);
    svg.append(
      shape("text", { x: left - 6, y: y + 11, "text-anchor": "end" }, name),
      shape("rect", { x: left, y, width: long(total[i]), height: 14, class: "removed-back" }),
      shape("rect", { x: left, y, width: long(energy[i]), height: 14, class: "kept" }),
      shape("text", { x: left + long(total[i]) + 6, y: y + 11 }, significant(energy[i])));
  });
  return svg;
}
