// A systolic array, cycle by cycle, from the registers that the simulator wrote down.

const FLOWS = ["ws", "os", "is"];
const NAMES = { ws: "weights stay", os: "outputs stay", is: "inputs stay" };
const ROLES = { ws: ["activation", "sum", "weight"], os: ["activation", "weight", "sum"], is: ["weight", "sum", "activation"] };

/** Everything of one dataflow out of the model's buffers. */
export function read(model, flow) {
  const [[rows, cols], [m, k, n], all] = [model.get("size"), model.get("shape"), model.get("cycles")];
  const index = FLOWS.indexOf(flow);
  const before = all.slice(0, index).reduce((sum, cycles) => sum + cycles, 0);
  const cycles = all[index];
  const part = (name, Type, each, from = before, length = cycles) =>
    typed(model.get(name), Type).subarray(from * each, (from + length) * each);
  const states = part("states", Float64Array, 3 * rows * cols);
  const matrices = typed(model.get("matrices"), Float64Array);
  return {
    flow, rows, cols, m, k, n, cycles,
    state: (register, cycle, row, column) => states[((register * cycles + cycle) * rows + row) * cols + column],
    active: part("active", Uint8Array, rows * cols),
    folds: part("folds", Int32Array, 1),
    done: part("done", Int32Array, m * n, index, 1),
    matrices: [matrices.subarray(0, m * k), matrices.subarray(m * k, (m + n) * k), matrices.subarray((m + n) * k)],
  };
}

/** What `cycle` cycles have done; as `at_cycle` in Python. */
export function atCycle(plan, cycle) {
  const { rows, cols, cycles, active, folds, done } = plan;
  cycle = Math.min(cycle, cycles);
  const known = (value) => (Number.isNaN(value) ? null : value);
  const table = (register) => Array.from({ length: rows }, (_, row) => Array.from({ length: cols }, (_, column) =>
    (cycle ? known(plan.state(register, cycle - 1, row, column)) : null)));
  const working = active.subarray(Math.max(0, cycle - 1) * rows * cols, cycle * rows * cols);
  return {
    right: table(0), down: table(1), stay: table(2),
    active: Array.from(working.keys()).filter((pe) => working[pe]),
    fold: folds[Math.max(0, cycle - 1)],
    macs: active.subarray(0, cycle * rows * cols).reduce((sum, one) => sum + one, 0),
    finished: Array.from(done.keys()).filter((element) => done[element] <= cycle),
  };
}

export default {
  render({ model, el }) {
    root(el, "systolic", "A systolic array, cycle by cycle");
    let plan = null;
    const names = FLOWS.map((flow) => NAMES[flow]);
    const flow = choice("Dataflow", names, NAMES[model.get("dataflow")], (name) => {
      steps.pause();
      model.set("cycle", 0);
      setter(model)("dataflow", FLOWS[names.indexOf(name)]);
    });
    const steps = stepper(model, "cycle", { label: "Cycle", name: "Cycle of the array", last: () => plan.cycles });
    const picture = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, flow.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, picture), steps.row, readout,
    );

    function show(width) {
      if (plan?.flow !== model.get("dataflow")) plan = read(model, model.get("dataflow"));
      flow.select.value = NAMES[plan.flow];
      const cycle = steps.at();
      const now = atCycle(plan, cycle);
      const pes = plan.rows * plan.cols;
      steps.show(`${cycle} of ${plan.cycles}`, `${cycle} of ${plan.cycles}: ${now.active.length} of ${pes} elements at work`);
      readout.replaceChildren(
        entry("At work", `${now.active.length} of ${pes}`, "elements in this cycle"),
        entry("MACs so far", String(now.macs), `of ${plan.m * plan.k * plan.n}`),
        entry("Used so far", percent(cycle ? now.macs / (cycle * pes) : 0), "of all elements and cycles"),
        entry("Results", String(now.finished.length), `of ${plan.m * plan.n} have left`),
        entry("Fold", String(now.fold + 1), `of ${plan.folds.at(-1) + 1}`),
      );
      if (!width) return;
      const [first, second] = sideBySide(picture, width, 0.36);
      picture.replaceChildren(drawArray(first, plan, now, cycle), drawMatrices(second, plan, now, cycle));
    }

    const stop = keepShown(model, ["dataflow", "cycle"], picture, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** The numbers that come next at an edge: for each lane those of the next cycles of this fold. */
function coming(plan, cycle, lanes, deep, value) {
  return Array.from({ length: lanes }, (_, lane) => Array.from({ length: deep }, (_, later) => {
    const at = cycle + later;
    if (at >= plan.cycles || (cycle && plan.folds[at] !== plan.folds[Math.max(0, cycle - 1)])) return null;
    const next = value(at, lane);
    return Number.isNaN(next) ? null : next;
  }));
}

/** The elements with their three registers, and what waits at the edges. */
function drawArray(width, plan, now, cycle) {
  const { rows, cols } = plan;
  const deep = 3;
  const slot = 24;
  const [left, top] = [deep * slot + 12, deep * 18 + 26];
  const cell = Math.max(44, Math.min(84, (width - left - 4) / cols));
  const high = Math.min(cell, 66);
  const svg = shape("svg", {
    height: top + rows * high + 46, role: "img",
    "aria-label": `Cycle ${cycle}: ${now.active.length} of ${rows * cols} elements at work. ` +
      now.stay.map((row, r) => `Row ${r + 1}: ${row.map((held, c) => say(plan.flow, [now.right[r][c], now.down[r][c], held])).join("; ")}`).join(". "),
  });
  const enters = plan.flow === "os" ? 1 : 2; // what comes in at the top: operands, or what will stay
  coming(plan, cycle, rows, deep, (at, row) => plan.state(0, at, row, 0)).forEach((queue, row) => queue.forEach((value, later) => {
    if (value === null) return;
    svg.append(shape("text", { x: left - 12 - later * slot, y: top + row * high + high / 2 + 4, "text-anchor": "end", class: "chosen" }, significant(value)));
  }));
  coming(plan, cycle, cols, deep, (at, column) => loads(plan, at) ? plan.state(enters, at, 0, column) : NaN).forEach((queue, column) => queue.forEach((value, later) => {
    if (value === null) return;
    svg.append(shape("text", { x: left + column * cell + cell / 2, y: top - 10 - later * 18, "text-anchor": "middle", class: enters === 1 ? "threshold-text" : "strong" }, significant(value)));
  }));
  svg.append(shape("text", { x: 0, y: 12 }, "next to come in, at the left and at the top"));
  for (let pe = 0; pe < rows * cols; pe++) {
    const [row, column] = [Math.floor(pe / cols), pe % cols];
    const [x, y] = [left + column * cell, top + row * high];
    svg.append(shape("rect", { x, y, width: cell - 4, height: high - 4, rx: 3, class: "kept", "fill-opacity": now.active.includes(pe) ? 0.22 : 0.03, stroke: "var(--wts-grey)" }));
    const write = (dx, dy, value, extra) => value === null ? null : svg.append(shape("text", { x: x + dx, y: y + dy, ...extra }, value));
    const [moving, falling, held] = [now.right[row][column], now.down[row][column], now.stay[row][column]];
    write(5, 14, moving === null ? null : `→${significant(moving)}`, { class: "chosen" });
    write(cell - 9, 14, falling === null ? null : `↓${significant(falling)}`, { class: "threshold-text", "text-anchor": "end" });
    write((cell - 4) / 2, high - 16, held === null ? null : significant(held), { class: "strong", "text-anchor": "middle", style: "font-size:15px" });
  }
  const y = top + rows * high + 14;
  const [right, down, stay] = ROLES[plan.flow];
  svg.append(
    shape("text", { x: 0, y, class: "chosen" }, `→ ${right}`),
    shape("text", { x: 92, y, class: "threshold-text" }, `↓ ${down}`),
    shape("text", { x: 168, y, class: "strong" }, `in the middle: ${stay}`),
    shape("text", { x: 0, y: y + 18 }, "shaded: at work in this cycle"));
  return svg;
}

/** Whether numbers come in at the top in this cycle: operands always, what stays only before the stream. */
function loads(plan, at) {
  if (plan.flow === "os") return true;
  let first = at;
  while (first > 0 && plan.folds[first - 1] === plan.folds[at]) first -= 1;
  return at - first < plan.rows;
}

/** An element in words. */
function say(flow, registers) {
  const held = registers.map((value, i) => value === null ? null : `${ROLES[flow][i]} ${significant(value)}`).filter(Boolean);
  return held.length ? held.join(", ") : "nothing";
}

/** The two matrices, and as much of the product as has left the array. */
function drawMatrices(width, plan, now, cycle) {
  const { m, k, n, matrices, done } = plan;
  const cell = Math.max(20, Math.min(30, (width - 20) / (k + n)));
  const svg = shape("svg", {
    height: (k + m) * cell + 62, role: "img",
    "aria-label": `Results so far: ${now.finished.length ? now.finished.map((at) => `row ${Math.floor(at / n) + 1}, column ${(at % n) + 1} is ${significant(matrices[2][at])}`).join("; ") : "none"}.`,
  });
  const draw = (x, y, name, values, rows, columns, shown) => {
    svg.append(shape("text", { x, y: y - 6 }, name));
    for (let at = 0; at < rows * columns; at++) {
      const place = { x: x + (at % columns) * cell, y: y + Math.floor(at / columns) * cell, width: cell - 2, height: cell - 2 };
      const fresh = shown && done[at] === cycle;
      svg.append(shape("rect", { ...place, class: "kept", "fill-opacity": !shown || now.finished.includes(at) ? 0.12 : 0, stroke: "var(--wts-line)" }));
      if (fresh) svg.append(shape("rect", { ...place, class: "threshold", fill: "none" }));
      if (shown && !now.finished.includes(at)) continue;
      svg.append(shape("text", { x: place.x + cell / 2 - 1, y: place.y + cell / 2 + 3, "text-anchor": "middle", class: "strong", style: cell < 26 ? "font-size:10px" : null }, significant(values[at])));
    }
  };
  // As one writes a product: b above the result, a to its left.
  draw(k * cell + 12, 20, "weights", matrices[1], k, n, false);
  draw(0, k * cell + 40, "activations", matrices[0], m, k, false);
  draw(k * cell + 12, k * cell + 40, "product", matrices[2], m, n, true);
  return svg;
}
