// A matrix product in tiles on a small GPU, wave by wave. Which tile runs where and when is the simulator's word.

const FRAGMENT = 16;

/** The products out of the model's buffers: product(machine, m, n, k) gives one of them. */
export function read(model) {
  const [names, ms, ns, ks, shapes, sms] = ["names", "ms", "ns", "ks", "shapes", "sms"].map((name) => model.get(name));
  const orders = typed(model.get("orders"), Uint8Array);
  const times = typed(model.get("times"), Float64Array);
  const starts = {};
  let at = 0;
  names.forEach((name, i) => ms.forEach((m) => ns.forEach((n) => {
    starts[[name, m, n]] = at;
    at += 4 * grid(shapes[i], m, n).tiles;
  })));
  return (name, m, n, k) => {
    const i = names.indexOf(name);
    const [rows, columns, depth, warpRows, warpColumns, places] = shapes[i];
    const { down, across, tiles } = grid(shapes[i], m, n);
    const part = (which) => Array.from(orders.subarray(starts[[name, m, n]] + which * tiles, starts[[name, m, n]] + (which + 1) * tiles));
    const [row, column, wave, sm] = [0, 1, 2, 3].map(part);
    const place = ((i * ms.length + ms.indexOf(m)) * ns.length + ns.indexOf(n)) * ks.length + ks.indexOf(k);
    const [cycles, computing, used] = times.subarray(3 * place, 3 * place + 3);
    return {
      m, n, k, rows, columns, depth, warpRows, warpColumns, places, sms, down, across, tiles, row, column, wave, sm,
      waves: wave.at(-1) + 1, chunks: Math.ceil(k / depth), cycles, computing, used,
    };
  };
}

function grid([rows, columns], m, n) {
  const [down, across] = [Math.ceil(m / rows), Math.ceil(n / columns)];
  return { down, across, tiles: down * across };
}

/** What the GPU does in one step; as `at_step` in Python. */
export function atStep(product, step) {
  const { row, column, wave, sm, across, tiles, sms, places, waves, chunks, cycles, computing, used } = product;
  const now = Math.min(step, waves * chunks - 1);
  const [at, chunk] = [Math.floor(now / chunks), now % chunks];
  const running = Array.from({ length: sms }, () => []);
  wave.forEach((w, i) => {
    if (w === at) running[sm[i]].push(row[i] * across + column[i]);
  });
  return {
    wave: at, chunk, running, done: wave.filter((w) => w < at).length, tiles, slots: waves * places * sms, waves, chunks,
    cycles, waits: cycles > computing, used,
  };
}

export default {
  render({ model, el }) {
    root(el, "gemm", "A matrix product in tiles on a GPU");
    const product = read(model);
    const set = setter(model);
    const restart = (name, value) => {
      steps.pause();
      model.set("step", 0);
      set(name, value);
    };
    const sizes = ["m", "n", "k"].map((name) => choice(name, model.get(`${name}s`).map(String), String(model.get(name)),
      (value) => restart(name, Number(value))));
    const machine = choice("Tile", model.get("names"), model.get("machine"), (name) => restart("machine", name));
    const chosen = () => product(...["machine", "m", "n", "k"].map((name) => model.get(name)));
    const steps = stepper(model, "step", {
      label: "Step", name: "Step through waves and chunks of k", last: () => chosen().waves * chosen().chunks - 1,
    });
    const pictures = [element("div"), element("div"), element("div")];
    const readout = element("div", { class: "wts-readout" });
    const [upper, lower] = [element("div"), element("div")];
    upper.append(pictures[0], pictures[1]);
    el.append(
      element("div", { class: "wts-row" }, ...sizes.map(({ field }) => field), machine.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, upper),
      steps.row, readout, element("div", { style: "margin-top: 0.9rem" }, lower),
    );

    function show(width) {
      sizes.forEach(({ select }, i) => { select.value = String(model.get("mnk"[i])); });
      machine.select.value = model.get("machine");
      const one = chosen();
      const now = atStep(one, steps.at());
      const words = `wave ${now.wave + 1} of ${now.waves}`;
      steps.show(words, `${words}, chunk ${now.chunk + 1} of ${now.chunks}`);
      const busy = now.running.flat().length;
      readout.replaceChildren(
        entry("Tiles of this wave", `${busy} of ${one.places * one.sms}`, `${one.places} on each of ${one.sms} SMs`),
        entry("Tiles", String(now.tiles), `of ${now.slots} slots, ${percent(now.tiles / now.slots)}`),
        entry("Cycles", significant(now.cycles), now.waits ? "DRAM sets the time" : "arithmetic sets the time"),
        entry("Used", percent(now.used), "of the tensor cores' cycles"),
      );
      if (!width) return;
      const [first, second] = sideBySide(upper, width, 0.44);
      pictures[0].replaceChildren(drawResult(first, one, now));
      pictures[1].replaceChildren(drawMultiprocessors(second, one, now));
      const [third, fourth] = sideBySide(lower, width, 0.44);
      lower.replaceChildren(drawTile(third, one, now), drawTimes(fourth, product, model, one));
    }

    const stop = keepShown(model, ["m", "n", "k", "machine", "step"], upper, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** The result, cut into tiles: those that are done, those of this wave with their numbers, and what lies beyond the matrix. */
function drawResult(width, one, now) {
  const { m, n, rows, columns, down, across } = one;
  const top = 20;
  const scale = Math.min((width - 4) / (across * columns), 330 / (down * rows));
  const svg = shape("svg", {
    height: top + down * rows * scale + 22, role: "img",
    "aria-label": `The result of ${m} by ${n} in ${down} by ${across} tiles. ${now.done} are done, ${now.running.flat().length} run now.`,
  });
  const hatch = unique("hatch");
  svg.append(shape("defs", {}, hatching(hatch)), shape("text", { x: 0, y: 12 }, `result, ${m} × ${n}, in tiles of ${rows} × ${columns}`));
  const running = new Set(now.running.flat());
  const high = Math.max(down * rows, m), wide = Math.max(across * columns, n);
  svg.append(
    shape("rect", { x: 2, y: top, width: wide * scale, height: high * scale, fill: `url(#${hatch})` }),
    shape("rect", { x: 2, y: top, width: n * scale, height: m * scale, class: "removed-back" }));
  one.row.forEach((row, i) => {
    const number = row * across + one.column[i];
    const [x, y] = [2 + one.column[i] * columns * scale, top + row * rows * scale];
    const look = running.has(number) ? 0.35 : one.wave[i] < now.wave ? 0.75 : 0.05;
    const box = { x: x + 0.5, y: y + 0.5, width: columns * scale - 1, height: rows * scale - 1 };
    svg.append(shape("rect", { ...box, class: "kept", "fill-opacity": look }));
    if (running.has(number)) svg.append(shape("rect", { ...box, class: "threshold", fill: "none" }));
    if (Math.min(rows, columns) * scale >= 15) {
      svg.append(shape("text", { x: x + columns * scale / 2, y: y + rows * scale / 2 + 4, "text-anchor": "middle", class: "strong", style: "font-size: 10px" }, String(number)));
    }
  });
  svg.append(shape("text", { x: 2, y: top + high * scale + 16 }, wide > n || high > m ? "hatched: beyond the matrix, computed all the same" : "every tile is full"));
  return svg;
}

/** The SMs and the tiles that they hold in this wave. */
function drawMultiprocessors(width, one, now) {
  const wide = (width - 6) / one.sms;
  const across = Math.min(one.places, Math.max(1, Math.floor((wide - 10) / 26)));
  const box = Math.min(40, (wide - 10) / across);
  const top = 20;
  const down = Math.ceil(one.places / across);
  const svg = shape("svg", {
    height: top + down * box + 34, role: "img",
    "aria-label": now.running.map((tiles, sm) => `SM ${sm} runs ${tiles.length ? `tiles ${tiles.join(", ")}` : "nothing"}`).join(". "),
  });
  svg.append(shape("text", { x: 0, y: 12 }, `wave ${now.wave + 1}, chunk ${now.chunk + 1} of ${now.chunks} of k`));
  now.running.forEach((tiles, sm) => {
    const left = sm * wide + 3;
    svg.append(shape("rect", { x: left, y: top, width: wide - 6, height: down * box + 8, class: "grid", fill: "none" }));
    for (let place = 0; place < one.places; place++) {
      const [x, y] = [left + 2 + (place % across) * box, top + 4 + Math.floor(place / across) * box];
      const tile = tiles[place];
      const size = { x: x + 1, y: y + 1, width: box - 3, height: box - 3 };
      svg.append(shape("rect", { ...size, ...(tile === undefined ? { class: "removed-back" } : { class: "kept", "fill-opacity": 0.15 }) }));
      if (tile === undefined) continue;
      const filled = ((now.chunk + 1) / now.chunks) * size.height;
      svg.append(
        shape("rect", { ...size, y: size.y + size.height - filled, height: filled, class: "kept", "fill-opacity": 0.35 }),
        shape("text", { x: x + box / 2 - 0.5, y: y + box / 2 + 3.5, "text-anchor": "middle", class: "strong", style: "font-size: 10px" }, String(tile)));
    }
    svg.append(shape("text", { x: left + (wide - 6) / 2, y: top + down * box + 24, "text-anchor": "middle" }, `SM ${sm}`));
  });
  return svg;
}

/** One tile: its strips of both operands, its warps, and their fragments. */
function drawTile(width, one, now) {
  const { rows, columns, depth, warpRows, warpColumns } = one;
  const scale = Math.min((width - 70) / (columns + depth), 190 / (rows + depth));
  const [left, top] = [56 + depth * scale, 22 + depth * scale];
  const warps = (rows / warpRows) * (columns / warpColumns);
  const svg = shape("svg", {
    height: top + rows * scale + 44, role: "img",
    "aria-label": `A tile of ${rows} by ${columns}: ${warps} warps of ${warpRows} by ${warpColumns}, each of ${warpRows * warpColumns / FRAGMENT ** 2} fragments.`,
  });
  const box = (x, y, wide, high, attributes) => svg.append(shape("rect", { x, y, width: wide * scale, height: high * scale, ...attributes }));
  svg.append(shape("text", { x: 0, y: 12 }, `one tile; a chunk of k is ${depth}`));
  box(left - depth * scale - 4, top, depth, rows, { class: "kept", "fill-opacity": 0.3 });
  box(left, top - depth * scale - 4, columns, depth, { class: "kept", "fill-opacity": 0.3 });
  svg.append(
    shape("text", { x: left - depth * scale - 10, y: top + rows * scale / 2, "text-anchor": "end" }, "rows"),
    shape("text", { x: left - depth * scale - 10, y: top + rows * scale / 2 + 14, "text-anchor": "end" }, "of a"),
    shape("text", { x: left - 10, y: top - depth * scale / 2, "text-anchor": "end" }, "b"));
  for (let i = 0; i < rows; i += FRAGMENT) {
    for (let j = 0; j < columns; j += FRAGMENT) {
      const warp = Math.floor(i / warpRows) * (columns / warpColumns) + Math.floor(j / warpColumns);
      box(left + j * scale, top + i * scale, FRAGMENT, FRAGMENT, { class: "kept", "fill-opacity": warp % 2 ? 0.1 : 0.22 });
      box(left + j * scale, top + i * scale, FRAGMENT, FRAGMENT, { class: "grid" });
    }
  }
  for (let i = 0; i < rows; i += warpRows) {
    for (let j = 0; j < columns; j += warpColumns) box(left + j * scale, top + i * scale, warpColumns, warpRows, { class: "axis" });
  }
  box(left, top, FRAGMENT, FRAGMENT, { class: "threshold", fill: "none" });
  const y = top + rows * scale + 18;
  svg.append(
    shape("text", { x: 0, y }, `${warps} warps, each sums ${warpRows} × ${warpColumns}`),
    shape("text", { x: 0, y: y + 17 }, `orange: a fragment, ${FRAGMENT} × ${FRAGMENT}; 64 steps of 4 × 4 × 4`));
  return svg;
}

/** A path that changes its height at once: what one point takes holds from the point before on. */
function stairs(points) {
  return points.map(([x, y], i) => (i ? `V${y.toFixed(1)}H${x.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`)).join("");
}

/** Cycles against n, a line for this tile and dashed ones for the others. */
function drawTimes(width, product, model, one) {
  const [names, ns] = [model.get("names"), model.get("ns")];
  const cycles = Object.fromEntries(names.map((name) => [name, ns.map((n) => product(name, one.m, n, one.k).cycles)]));
  const [left, right, top, bottom] = [50, width - 10, 22, 150];
  const most = Math.max(...Object.values(cycles).flat());
  const x = (n) => left + ((n - ns[0]) / Math.max(1, ns.at(-1) - ns[0])) * (right - left);
  const y = (value) => bottom - (value / (1.08 * most)) * (bottom - top);
  const chosen = model.get("machine");
  const svg = shape("svg", {
    height: bottom + 40 + 16 * names.length, role: "img",
    "aria-label": `Cycles against n for m ${one.m} and k ${one.k}: ${names.map((name) => `${name} from ${cycles[name][0]} to ${cycles[name].at(-1)}`).join("; ")}.`,
  });
  svg.append(shape("text", { x: 0, y: 12 }, `cycles, m = ${one.m}, k = ${one.k}`));
  gridLines(svg, { left, right, y }, ticks(0, 1.08 * most, 4).filter(Number.isInteger), (value) => (value >= 1000 ? quantity(value, "").replace(" ", "") : String(value)));
  axisBelow(svg, { left, right, bottom, x }, ns.filter((_, i) => i % Math.ceil(ns.length / 5) === 0), "n");
  names.forEach((name, i) => {
    const look = { class: "curve", "stroke-dasharray": ["none", "6 3", "2 3", "8 3 2 3"][i % 4], "stroke-opacity": name === chosen ? 1 : 0.45 };
    svg.append(shape("path", { ...look, d: stairs(ns.map((n, j) => [x(n), y(cycles[name][j])])) }));
    svg.append(shape("path", { ...look, d: `M${left} ${bottom + 46 + 16 * i}h22` }), shape("text", { x: left + 28, y: bottom + 50 + 16 * i }, `tiles of ${name}`));
  });
  svg.append(shape("circle", { class: "threshold-fill", cx: x(one.n), cy: y(one.cycles), r: 5 }));
  svg.setAttribute("height", bottom + 42 + 16 * names.length);
  return svg;
}
