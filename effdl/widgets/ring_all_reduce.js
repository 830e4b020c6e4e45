// The messages of an all-reduce, one round at a time, and how training scales with it.

const ALGORITHMS = ["ring", "tree", "torus", "parameter server"];
const WORKERS = [2, 3, 4, 5, 6, 8];
const ELEMENTS = 8;
const COUNTS = Array.from({ length: 9 }, (_, power) => 2 ** power);

/** The messages of the chosen algorithm and number of workers: [round, source, target, start, stop, add]. */
export function read(model) {
  const index = ALGORITHMS.indexOf(model.get("algorithm")) * WORKERS.length + WORKERS.indexOf(model.get("workers"));
  const lengths = model.get("lengths");
  const from = lengths.slice(0, index).reduce((sum, length) => sum + length, 0);
  const all = typed(model.get("messages"), Int32Array);
  return Array.from({ length: lengths[index] }, (_, i) => Array.from(all.subarray(6 * (from + i), 6 * (from + i + 1))));
}

/** What the nodes hold after some rounds; as `after` in Python. */
export function after(messages, workers, step) {
  const rounds = messages.at(-1)[0];
  const nodes = Math.max(workers, 1 + Math.max(...messages.map(([, source, target]) => Math.max(source, target))));
  const grid = (value) => Array.from({ length: nodes }, (_, node) => Array.from({ length: ELEMENTS }, (_, i) => value(node, i)));
  const values = grid((node, i) => (node < workers ? ((3 * node + 5 * i) % 9) + 1 : 0));
  const shares = grid((node) => (node < workers ? 1 : 0));
  const sent = new Array(nodes).fill(0);
  let moves = [];
  for (let number = 1; number <= Math.min(step, rounds); number++) {
    moves = messages.filter(([round]) => round === number).map((message) => message.slice(1));
    const before = structuredClone([values, shares]);
    for (const [source, target, start, stop, add] of moves) {
      [values, shares].forEach((array, k) => {
        for (let i = start; i < stop; i++) array[target][i] = add * array[target][i] + before[k][source][i];
      });
      sent[source] += stop - start;
    }
  }
  return { values, shares, moves, sent, rounds };
}

/** Seconds of an all-reduce, by algorithm; the closed forms of hwsim. */
const SECONDS = {
  ring: (p, size, link) => (p - 1) * 2 * link(size / p),
  tree: (p, size, link) => Math.ceil(Math.log2(p)) * 2 * link(size),
  torus(p, size, link) {
    let rows = Math.floor(Math.sqrt(p));
    while (p % rows) rows -= 1;
    return SECONDS.ring(p / rows, size, link) + SECONDS.ring(rows, size / (p / rows), link);
  },
  "parameter server": (p, size, link) => 2 * p * link(size),
};

/** The chosen link and network, and for each algorithm the seconds of the all-reduce and the speed-up of COUNTS workers. */
export function scaling(model) {
  const chosen = (list, name) => model.get(list).find(([each]) => each === model.get(name)).slice(1);
  const [latency, bandwidth] = chosen("links", "link");
  const [step, size] = chosen("networks", "network");
  const link = (bytes) => latency + bytes / bandwidth;
  const seconds = Object.fromEntries(ALGORITHMS.map((name) => [name, COUNTS.map((p) => (p > 1 ? SECONDS[name](p, size, link) : 0))]));
  const speedups = Object.fromEntries(ALGORITHMS.map((name) => [name, seconds[name].map((each, i) => (COUNTS[i] * step) / (step + each))]));
  return { seconds, speedups };
}

export default {
  render({ model, el }) {
    root(el, "ring-all-reduce", "All-reduce, round by round");
    const set = setter(model);
    const restart = (name) => (value) => {
      steps.pause();
      model.set(name, value);
      set("step", 0);
    };
    const algorithm = choice("Algorithm", ALGORITHMS, model.get("algorithm"), restart("algorithm"));
    const workers = choice("Workers", WORKERS.map(String), String(model.get("workers")), (value) => restart("workers")(Number(value)));
    const names = (list) => model.get(list).map(([name]) => name);
    const link = choice("Link", names("links"), model.get("link"), (value) => set("link", value));
    const network = choice("Network", names("networks"), model.get("network"), (value) => set("network", value));
    let messages = read(model);
    const steps = stepper(model, "step", { label: "Round", name: "Round of the all-reduce", last: () => messages.at(-1)[0] });
    const grid = element("div");
    const curves = element("div");
    const here = element("div", { class: "wts-readout" });
    const there = element("div", { class: "wts-readout" });
    el.append(
      element("div", { class: "wts-row" }, algorithm.field, workers.field, ...steps.buttons),
      element("div", { class: "wts-panels" }, grid), steps.row, here,
      element("div", { class: "wts-row wts-apart" }, network.field, link.field),
      element("div", { class: "wts-panels" }, curves), there,
    );

    function show(width) {
      messages = read(model);
      algorithm.select.value = model.get("algorithm");
      workers.select.value = String(model.get("workers"));
      link.select.value = model.get("link");
      network.select.value = model.get("network");
      const now = after(messages, model.get("workers"), steps.at());
      const senders = new Set(now.moves.map(([source]) => source)).size;
      const complete = now.shares.slice(0, model.get("workers")).flat().filter((share) => share === model.get("workers")).length;
      const cells = model.get("workers") * ELEMENTS;
      steps.show(`${steps.at()} of ${now.rounds}`, `${steps.at()} of ${now.rounds}: ${complete} of ${cells} numbers are complete`);
      const most = Math.max(...now.sent);
      here.replaceChildren(
        entry("Complete", `${complete} of ${cells}`, "numbers that are the sum of all"),
        entry("Senders", `${senders} of ${now.values.length}`, "nodes that sent in this round"),
        entry("Busiest node", `${most} sent`, `${significant(most / ELEMENTS)} times its array`),
      );
      const { seconds, speedups } = scaling(model);
      const name = model.get("algorithm");
      const fastest = ALGORITHMS.reduce((best, each) => (seconds[each].at(-1) < seconds[best].at(-1) ? each : best));
      there.replaceChildren(
        entry(`Speed-up of ${COUNTS.at(-1)}`, significant(speedups[name].at(-1)), `${percent(speedups[name].at(-1) / COUNTS.at(-1))} efficiency`),
        entry("All-reduce", quantity(seconds[name].at(-1), "s"), `${name}, ${COUNTS.at(-1)} workers`),
        entry("Fastest here", fastest, quantity(seconds[fastest].at(-1), "s")),
      );
      if (!width) return;
      grid.replaceChildren(drawGrid(width, now, model.get("workers")));
      curves.replaceChildren(drawCurves(width, speedups, name));
    }

    const stop = keepShown(model, ["algorithm", "workers", "step", "link", "network"], grid, show);
    return () => {
      steps.pause();
      stop();
    };
  },
};

/** What each node holds, stronger in color for sums of more workers, and the messages that brought it. */
function drawGrid(width, { values, shares, moves }, workers) {
  const [left, top, high] = [width < 420 ? 56 : 72, 18, 27];
  const wide = (width - left - 4) / ELEMENTS;
  const bottom = top + values.length * high;
  const svg = shape("svg", {
    height: bottom + 4, role: "img",
    "aria-label": `${values.length} nodes with ${ELEMENTS} numbers each; ${moves.length} messages in this round.`,
  });
  const x = (i) => left + i * wide;
  values.forEach((row, node) => {
    const y = top + node * high;
    svg.append(shape("text", { x: left - 8, y: y + 18, "text-anchor": "end" }, node < workers ? `worker ${node}` : "server"));
    row.forEach((value, i) => {
      const opacity = (0.5 * shares[node][i]) / workers;
      svg.append(
        shape("rect", { class: "kept", x: x(i) + 1, y: y + 1, width: wide - 2, height: high - 2, "fill-opacity": opacity.toFixed(3) }),
        shape("text", { class: "strong", x: x(i) + wide / 2, y: y + 18, "text-anchor": "middle" }, shares[node][i] ? String(value) : ""));
    });
  });
  moves.forEach(([source, target, start, stop], k) => {
    if (start === stop) return;
    const [from, to] = [source, target].map((node) => top + node * high + high / 2);
    const end = to - Math.sign(to - from) * 4;
    // Messages of whole arrays would cover each other: each takes another column.
    const at = x(start + (k % (stop - start))) + 4;
    svg.append(
      shape("rect", { class: "arrived", x: x(start) + 1, y: to - high / 2 + 1, width: (stop - start) * wide - 2, height: high - 2 }),
      shape("path", { class: "threshold", fill: "none", d: `M${at} ${from}V${end}` }),
      shape("path", { class: "threshold-fill", style: "stroke: none", d: `M${at - 4} ${end}h8l-4 ${Math.sign(to - from) * 6}Z` }));
  });
  svg.append(shape("text", { x: left, y: 11 }, "numbers, stronger in color: of more workers"));
  return svg;
}

/** Speed-up over workers, both on logarithmic axes; the chosen algorithm stands out. */
function drawCurves(width, speedups, chosen) {
  const [left, right, top, bottom] = [46, width - 116, 26, 206];
  const lowest = Math.min(1, ...Object.values(speedups).flat());
  const low = Math.floor(Math.log2(lowest) / 2) * 2;
  const x = (count) => left + (Math.log2(count) / 8) * (right - left);
  const y = (value) => bottom - ((Math.log2(value) - low) / (8 - low)) * (bottom - top);
  const svg = shape("svg", {
    height: 240, role: "img",
    "aria-label": `Speed-up of up to 256 workers: ${ALGORITHMS.map((name) => `${name} ${significant(speedups[name].at(-1))}`).join(", ")}.`,
  });
  const levels = [];
  for (let power = low; power <= 8; power += 2) levels.push(2 ** power);
  gridLines(svg, { left, right, y }, levels, (level) => (level < 1 ? `1/${1 / level}` : String(level)));
  svg.append(shape("text", { x: 0, y: 12 }, "times as fast as one worker"));
  axisBelow(svg, { left, right, bottom, x }, width < 480 ? [1, 4, 16, 64, 256] : COUNTS, "workers");
  const line = (values) => values.map((value, i) => `${i ? "L" : "M"}${x(COUNTS[i]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  svg.append(shape("path", { class: "mark", fill: "none", d: line(COUNTS) }));
  const order = [...ALGORITHMS].sort((a, b) => speedups[b].at(-1) - speedups[a].at(-1));
  let last = top - 20;
  for (const name of order) {
    last = Math.max(last + 13, Math.min(y(speedups[name].at(-1)) + 4, bottom - 13 * (3 - order.indexOf(name))));
    svg.append(
      shape("path", { class: name === chosen ? "roof chosen" : "roof", d: line(speedups[name]) }),
      shape("text", { class: name === chosen ? "chosen" : "", x: right + 8, y: last }, name));
  }
  return svg;
}
