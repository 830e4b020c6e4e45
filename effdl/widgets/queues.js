// EIE's queues and processing elements, cycle by cycle. When what happens is the simulator's word; this only reads it.

const IDLE = -1;
const DASHES = [null, "6 3", "2 3", "8 3 2 3"]; // of the lines in the picture of the depths

/** The product out of the model's buffers: weights, activations, and when each broadcast is sent and taken. */
export function read(model) {
  const [rows, columns] = model.get("shape");
  const [names, pes, depths] = ["names", "pes", "depths"].map((name) => model.get(name));
  const weights = typed(model.get("weights"), Float64Array);
  const activations = Array.from(typed(model.get("activations"), Float64Array));
  const times = typed(model.get("timelines"), Int16Array);
  const sentColumns = [...activations.keys()].filter((j) => activations[j] !== 0).concat(columns);
  const matrices = Object.fromEntries(names.map((name, i) => [name, Array.from({ length: rows },
    (_, row) => Array.from(weights.subarray((i * rows + row) * columns, (i * rows + row + 1) * columns)))]));
  const runs = {};
  let at = 0;
  for (const name of names) {
    for (const count of pes) {
      for (const depth of depths) {
        const sent = Array.from(times.subarray(at, at + sentColumns.length));
        at += sentColumns.length;
        const taken = sent.map((_, k) => Array.from(times.subarray(at + k * count, at + (k + 1) * count)));
        at += sentColumns.length * count;
        runs[[name, count, depth]] = timeline(matrices[name], sentColumns, sent, taken, count);
      }
    }
  }
  return { rows, columns, activations, matrices, runs };
}

/** Add to the simulator's times the rows of each PE's entries, and what follows from them. */
function timeline(weight, columns, sent, taken, pes) {
  const entries = columns.map((column) => Array.from({ length: pes }, (_, pe) =>
    weight.map((_, row) => row).filter((row) => row % pes === pe && column < weight[0].length && weight[row][column] !== 0)));
  const freed = taken.map((line, k) => line.map((time, pe) => time + Math.max(1, entries[k][pe].length)));
  return { columns, sent, taken, entries, freed, cycles: Math.max(...freed.flat()), waited: sent.at(-1) - unhindered(columns, pes) };
}

/** The cycle of the last broadcast if no queue were ever full; as `broadcast_steps` in Python. */
function unhindered(columns, pes) {
  const row = columns.map((column) => Math.floor(column / pes));
  return columns.reduce((cycle, column, k) => {
    if (!k) return row[0];
    const passed = row[k] - row[k - 1];
    return cycle + 1 + passed - (passed > 0 && columns[k - 1] % pes === pes - 1 ? 1 : 0);
  }, 0);
}

/** What the machine does in one cycle; as `at_cycle` in Python. */
export function atCycle({ rows, columns, activations, matrices, runs }, name, count, depth, cycle) {
  const run = runs[[name, count, depth]];
  const now = Math.min(cycle, run.cycles - 1);
  const each = (value) => Array.from({ length: count }, value);
  const readout = {
    broadcast: IDLE, queues: each(() => []), columns: each(() => IDLE), rows: each(() => IDLE),
    sums: new Array(rows).fill(0), products: 0, total: 0, cycles: run.cycles, waited: run.waited,
  };
  run.columns.forEach((column, k) => {
    if (run.sent[k] === now) readout.broadcast = column;
    for (let pe = 0; pe < count; pe++) {
      const taken = run.taken[k][pe];
      if (run.sent[k] <= now && now < taken) readout.queues[pe].push(column);
      if (taken <= now && now < run.freed[k][pe]) readout.columns[pe] = column;
      run.entries[k][pe].forEach((row, i) => {
        readout.total += 1;
        if (taken + i <= now) {
          readout.products += 1;
          readout.sums[row] += matrices[name][row][column] * activations[column];
        }
        if (taken + i === now) readout.rows[pe] = row;
      });
    }
  });
  return readout;
}

export default {
  render({ model, el }) {
    root(el, "queues", "EIE's queues, cycle by cycle");
    const data = read(model);
    const set = setter(model);
    const restart = (name, value) => {
      steps.pause();
      model.set("cycle", 0);
      set(name, value);
    };
    const numbers = (label, trait, list) =>
      choice(label, model.get(list).map(String), String(model.get(trait)), (value) => restart(trait, Number(value)));
    const matrix = choice("Matrix", model.get("names"), model.get("matrix"), (name) => restart("matrix", name));
    const count = numbers("PEs", "count", "pes");
    const depth = numbers("Slots of a queue", "depth", "depths");
    const run = () => data.runs[[model.get("matrix"), model.get("count"), model.get("depth")]];
    const steps = stepper(model, "cycle", { label: "Cycle", name: "Cycle of the machine", last: () => run().cycles - 1 });
    const picture = element("div");
    const below = element("div");
    const readout = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, matrix.field, count.field, depth.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, picture),
      steps.row, readout, element("div", { style: "margin-top: 0.9rem" }, below),
    );

    function show(width) {
      const [name, pes, slots] = [model.get("matrix"), model.get("count"), model.get("depth")];
      [matrix.select.value, count.select.value, depth.select.value] = [name, String(pes), String(slots)];
      const cycle = steps.at();
      const now = atCycle(data, name, pes, slots, cycle);
      const busy = now.rows.filter((row) => row !== IDLE).length;
      const sent = now.broadcast === IDLE ? "nothing" : columnName(data, now.broadcast);
      steps.show(`${cycle + 1} of ${now.cycles}`, `cycle ${cycle + 1} of ${now.cycles}: ${busy} of ${pes} PEs multiply`);
      readout.replaceChildren(
        entry("Broadcast", sent, `waits for a slot in ${now.waited} cycles in all`),
        entry("PEs that multiply", `${busy} of ${pes}`, `${percent(now.total / (now.cycles * pes))} of all cycles of the run`),
        entry("Products", `${now.products} of ${now.total}`, `${data.rows * data.columns} without skipping zeros`),
        entry("Cycles of the run", String(now.cycles), `at best ${Math.ceil(now.total / pes)}, all PEs at work`),
      );
      if (!width) return;
      picture.replaceChildren(drawMachine(width, data, { name, pes, slots, cycle, now }));
      const [first, second] = sideBySide(below, width, 0.42);
      below.replaceChildren(drawWork(first, data, run(), pes, cycle), drawDepths(second, data, model, { name, pes, slots }));
    }

    const stop = keepShown(model, ["matrix", "count", "depth", "cycle"], picture, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** The bias column stands after the others. */
function columnName({ columns }, column) {
  return column === columns ? "bias" : `column ${column}`;
}

/** The matrix in bands, one a PE; beside it the sums, the queue, and what the PE does. */
function drawMachine(width, data, { name, pes, slots, cycle, now }) {
  const { rows, columns, activations, matrices, runs } = data;
  const [weight, run] = [matrices[name], runs[[name, pes, slots]]];
  const [left, sums, gap] = [36, 36, 10];
  const cell = Math.max(11, Math.min(26, Math.floor((width - left - sums - gap - 8 * 13) / columns)));
  const slot = Math.max(11, Math.min(26, Math.floor((width - left - sums - gap - columns * cell) / Math.max(8, slots))));
  const [top, band] = [46, 8]; // room above for the activations, and between two PEs
  const high = 17;
  const small = cell < 18 ? "font-size: 9.5px" : null;
  const svg = shape("svg", { role: "img", "aria-label": spoken(data, now, pes) });
  const hatch = unique("hatch");
  svg.append(shape("defs", {}, hatching(hatch)));
  const text = (x, y, words, attributes = {}) => svg.append(shape("text", { x, y, "text-anchor": "middle", ...attributes }, words));
  const box = (x, y, wide, tall, attributes) => svg.append(shape("rect", { x, y, width: wide, height: tall, ...attributes }));
  text(0, 11, "column", { "text-anchor": "start", style: "font-size: 10px" });
  text(0, 29, "input", { "text-anchor": "start", style: "font-size: 10px" });
  const queueLeft = left + columns * cell + sums + gap;
  text(left + columns * cell + sums / 2, top - 6, "sums");
  text(queueLeft, top - 6, "queue", { "text-anchor": "start" });
  activations.forEach((value, j) => {
    const x = left + j * cell;
    const here = now.broadcast === j;
    text(x + cell / 2, 11, String(j), { style: "font-size: 9.5px" });
    box(x, 17, cell - 1, high - 1, value ? { class: "kept", "fill-opacity": here ? 0.55 : 0.12 } : { fill: `url(#${hatch})` });
    if (here) box(x, 17, cell - 1, high - 1, { class: "threshold", fill: "none" });
    if (value) text(x + cell / 2, 29, significant(value, 2), { class: "strong", style: small });
  });

  let y = top;
  for (let pe = 0; pe < pes; pe++) {
    const begin = y;
    for (let row = pe; row < rows; row += pes) {
      weight[row].forEach((value, j) => {
        const x = left + j * cell;
        box(x, y, cell - 1, high - 1, { class: "removed-back", "fill-opacity": activations[j] ? 0 : 1 });
        if (value === 0) return;
        const k = run.columns.indexOf(j);
        const at = k < 0 ? Infinity : run.taken[k][pe] + run.entries[k][pe].indexOf(row);
        const state = at < cycle ? 0.6 : at === cycle ? 0.9 : 0.16;
        box(x, y, cell - 1, high - 1, k < 0 ? { fill: `url(#${hatch})` } : { class: "kept", "fill-opacity": at === cycle ? 0.35 : state });
        if (at === cycle) box(x, y, cell - 1, high - 1, { class: "threshold", fill: "none" });
        text(x + cell / 2, y + 12.5, significant(value, 2), { class: "strong", style: small });
      });
      text(left + columns * cell + sums / 2, y + 12.5, significant(now.sums[row], 3), { class: "strong", style: small });
      y += high;
    }
    text(0, (begin + y) / 2 + 4, `PE ${pe}`, { "text-anchor": "start" });
    for (let place = 0; place < slots; place++) {
      const waiting = now.queues[pe][place];
      const x = queueLeft + place * slot;
      box(x, begin, slot - 2, high - 2, waiting === undefined ? { class: "grid" } : { class: "kept", "fill-opacity": 0.3 });
      if (waiting !== undefined) text(x + slot / 2 - 1, begin + 12, waiting === columns ? "b" : String(waiting), { class: "strong", style: small });
    }
    y = Math.max(y, begin + 2 * high);
    text(queueLeft, begin + high + 11, doing(data, now, pe), { "text-anchor": "start", style: "font-size: 10.5px" });
    y += band;
  }
  svg.setAttribute("height", y);
  return svg;
}

/** What a PE does, in a few words. */
function doing(data, now, pe) {
  const column = now.columns[pe];
  if (column === IDLE) return "waits";
  if (now.rows[pe] !== IDLE) return `multiplies in ${column}`;
  return column === data.columns ? "bias" : `has none in ${column}`;
}

/** The same for a screen reader. */
function spoken(data, now, pes) {
  const parts = Array.from({ length: pes }, (_, pe) => `PE ${pe} ${doing(data, now, pe)}, ${now.queues[pe].length} in its queue`);
  return `${now.broadcast === IDLE ? "Nothing is broadcast" : `${columnName(data, now.broadcast)} is broadcast`}. ${parts.join(". ")}.`;
}

/** The whole run, a line for each PE: cycles with a product, cycles spent on an empty column, and cycles of waiting. */
function drawWork(width, data, run, pes, cycle) {
  const [left, top, high] = [36, 22, 13];
  const step = (width - left - 6) / run.cycles;
  const bottom = top + pes * high + 2;
  const svg = shape("svg", { height: bottom + 50, role: "img", "aria-label": `The run of ${run.cycles} cycles, a line for each of ${pes} PEs; now cycle ${cycle + 1}.` });
  const hatch = unique("hatch");
  svg.append(shape("defs", {}, hatching(hatch)), shape("text", { x: 0, y: 12 }, "the whole run"));
  for (let pe = 0; pe < pes; pe++) {
    const y = top + pe * high;
    svg.append(shape("text", { x: 0, y: y + 10, style: "font-size: 10px" }, `PE ${pe}`));
    run.columns.forEach((_, k) => {
      const [from, to] = [run.taken[k][pe], run.freed[k][pe]];
      const look = run.entries[k][pe].length ? { class: "kept" } : { fill: `url(#${hatch})` };
      svg.append(shape("rect", { x: (left + from * step).toFixed(2), y, width: Math.max(0.5, (to - from) * step - 0.8).toFixed(2), height: high - 3, ...look }));
    });
  }
  const x = left + (cycle + 0.5) * step;
  svg.append(shape("path", { class: "threshold", d: `M${x.toFixed(2)} ${top - 4}V${bottom}` }));
  const y = bottom + 16;
  svg.append(
    shape("rect", { x: left, y: y - 9, width: 14, height: 10, class: "kept" }), shape("text", { x: left + 19, y }, "multiplies"),
    shape("rect", { x: left + 92, y: y - 9, width: 14, height: 10, fill: `url(#${hatch})` }), shape("text", { x: left + 111, y }, "column without weights"),
    shape("text", { x: left, y: y + 18 }, "empty: waits"));
  return svg;
}

/** Cycles against the slots of a queue, a line for each matrix. */
function drawDepths(width, data, model, { name, pes, slots }) {
  const [names, depths] = [model.get("names"), model.get("depths")];
  const cycles = (matrix, depth) => data.runs[[matrix, pes, depth]].cycles;
  const [left, right, top, bottom] = [36, width - 12, 22, 120];
  const most = Math.max(...names.flatMap((matrix) => depths.map((depth) => cycles(matrix, depth))));
  const x = (i) => left + ((i + 0.5) / depths.length) * (right - left);
  const y = (value) => bottom - (value / (1.1 * most)) * (bottom - top);
  const svg = shape("svg", {
    height: bottom + 36 + 16 * names.length, role: "img",
    "aria-label": `Cycles against the slots of a queue with ${pes} PEs: ${names.map((matrix) =>
      `${matrix} ${depths.map((depth) => cycles(matrix, depth)).join(", ")}`).join("; ")}.`,
  });
  svg.append(shape("text", { x: 0, y: 12 }, `cycles, ${pes} PEs`));
  gridLines(svg, { left, right, y }, ticks(0, 1.1 * most, 4).filter(Number.isInteger), String);
  axisBelow(svg, { left, right, bottom, x: (i) => x(i) }, depths.map((_, i) => i), "slots of a queue", (i) => String(depths[i]));
  names.forEach((matrix, m) => {
    const dashes = { "stroke-dasharray": DASHES[m % DASHES.length] };
    svg.append(shape("path", { class: "curve", ...dashes, d: `M${depths.map((depth, i) => `${x(i).toFixed(1)} ${y(cycles(matrix, depth)).toFixed(1)}`).join("L")}` }));
    depths.forEach((depth, i) => svg.append(shape("circle", {
      class: matrix === name && depth === slots ? "threshold-fill" : "curve-point", cx: x(i), cy: y(cycles(matrix, depth)), r: matrix === name && depth === slots ? 5 : 2.6,
    })));
    svg.append(
      shape("path", { class: "curve", ...dashes, d: `M${left} ${bottom + 44 + 16 * m}h22` }),
      shape("text", { x: left + 28, y: bottom + 48 + 16 * m }, matrix));
  });
  svg.setAttribute("height", bottom + 42 + 16 * names.length);
  return svg;
}
