// What the widgets' pictures are made of: axes, keys, hatching, histograms, and two pictures side by side.

/** Horizontal lines across a picture, each with its number on the left. */
function gridLines(svg, { left, right, y }, levels, write) {
  for (const level of levels) {
    svg.append(
      shape("path", { class: "grid", d: `M${left} ${y(level)}H${right}` }),
      shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, write(level)));
  }
}

/** The axis at the bottom, a number at each of the places, and its name at the right end. */
function axisBelow(svg, { left, right, bottom, x }, places, name, write = (place) => significant(place)) {
  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  for (const place of places) {
    svg.append(
      shape("path", { class: "axis", d: `M${x(place)} ${bottom}v4` }),
      shape("text", { x: x(place), y: bottom + 17, "text-anchor": "middle" }, write(place)));
  }
  svg.append(shape("text", { x: right, y: bottom + 31, "text-anchor": "end" }, name));
}

/** As many round numbers as have room on an axis, at least two. */
function placesFor(low, high, room, most = 6) {
  return ticks(low, high, Math.max(2, Math.min(most, room)));
}

/** An entry of the key: a piece of a line, and what it stands for. */
function lineKey(svg, x, y, className, words) {
  svg.append(
    shape("path", { class: className, d: `M${x} ${y - 4}h16` }),
    shape("text", { x: x + 20, y }, words));
}

/** The definition of a pattern of slanted lines; fill with url(#id). */
function hatching(id) {
  const line = shape("path", { class: "hatch", d: "M2 0V5" });
  return shape("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, line);
}

/** How high a count stands: { highest, y, levels }. What is higher than the picture ends at its top. */
function countScale(tallest, log, { top, bottom }) {
  const highest = log ? 10 ** Math.ceil(Math.log10(Math.max(tallest, 10))) : tallest * 1.05;
  const share = log
    ? (count) => Math.max(0, Math.log10(count / 0.7) / Math.log10(highest / 0.7))
    : (count) => count / highest;
  const levels = log
    ? Array.from({ length: Math.round(Math.log10(highest)) + 1 }, (_, power) => 10 ** power)
    : ticks(0, highest, 4).filter(Number.isInteger);
  return { highest, levels, y: (count) => bottom - Math.min(1, share(count)) * (bottom - top) };
}

/** Lines for the counts of a histogram, and their name. */
function countLines(svg, frame, levels) {
  gridLines(svg, frame, levels, (count) => (count >= 1000 ? quantity(count, "").replace(" ", "") : String(count)));
  svg.append(shape("text", { x: frame.left - 6, y: 12, "text-anchor": "end" }, "count"));
}

/** Draw a histogram of numbers in equal bins over [low, high]; returns its frame { svg, x, y, left, right, top, bottom }.
 *  `label` is what a screen reader says. */
function drawHistogram(width, numbers, { low, high, label, bins = 80, height = 240 }) {
  const counts = new Array(bins).fill(0);
  for (const value of numbers) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))] += 1;
  const [left, right, top, bottom] = [46, width - 8, 26, height - 34];
  const { y, levels } = countScale(Math.max(1, ...counts), false, { top, bottom });
  const x = (value) => left + ((value - low) / (high - low)) * (right - left);
  const svg = shape("svg", { height, role: "img", "aria-label": label });
  const frame = { svg, x, y, left, right, top, bottom };
  countLines(svg, frame, levels);
  const step = (high - low) / bins;
  const bars = counts.map((count, i) => count
    ? `M${x(low + i * step).toFixed(2)} ${bottom}V${y(count).toFixed(2)}H${x(low + (i + 1) * step).toFixed(2)}V${bottom}Z` : "");
  svg.append(shape("path", { class: "kept", d: bars.join("") }));
  axisBelow(svg, frame, placesFor(low, high, (right - left) / 70), "weight w");
  return frame;
}

/** Lay two pictures side by side where there is room, the second one as a share of the width: returns both widths. */
function sideBySide(host, width, share) {
  const second = width >= 560 ? Math.round(width * share) : 0;
  host.style.cssText = second ? `display:grid;grid-template-columns:minmax(0,1fr) ${second}px;gap:20px;align-items:start` : "";
  return second ? [width - second - 20, second] : [width, width];
}
