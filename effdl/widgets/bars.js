// A histogram with its axes, for the widgets that draw something of their own on top of one.

/** Draw counts of weights in equal bins over [low, high]; returns { svg, x, y, left, right, top, bottom } to draw on.
 *  `label` is what a screen reader says, `axis` the name of the horizontal axis. */
function drawBars(width, counts, { low, high, label, axis = "weight w", height = 240, log = false }) {
  const [left, right, top, bottom] = [46, width - 8, 26, height - 34];
  const tallest = Math.max(1, ...counts);
  const highest = log ? 10 ** Math.ceil(Math.log10(Math.max(tallest, 10))) : tallest * 1.05;
  const x = (value) => left + ((value - low) / (high - low)) * (right - left);
  const y = (count) => {
    const share = log ? Math.max(0, Math.log10(count / 0.7) / Math.log10(highest / 0.7)) : count / highest;
    return bottom - share * (bottom - top);
  };
  const svg = shape("svg", { height, role: "img", "aria-label": label });
  const levels = log
    ? Array.from({ length: Math.round(Math.log10(highest)) + 1 }, (_, power) => 10 ** power)
    : ticks(0, highest, 4).filter(Number.isInteger);
  for (const level of levels) {
    svg.append(shape("path", { class: "grid", d: `M${left} ${y(level)}H${right}` }));
    svg.append(shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, level >= 1000 ? quantity(level, "").replace(" ", "") : String(level)));
  }
  svg.append(shape("text", { x: left - 6, y: 12, "text-anchor": "end" }, "count"));
  const step = (high - low) / counts.length;
  const bars = Array.from(counts, (count, i) => count
    ? `M${x(low + i * step).toFixed(2)} ${bottom}V${y(count).toFixed(2)}H${x(low + (i + 1) * step).toFixed(2)}V${bottom}Z` : "");
  svg.append(shape("path", { class: "kept", d: bars.join("") }));
  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  for (const value of ticks(low, high, Math.max(2, Math.min(6, (right - left) / 70)))) {
    svg.append(shape("path", { class: "axis", d: `M${x(value)} ${bottom}v4` }));
    svg.append(shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, significant(value)));
  }
  svg.append(shape("text", { x: right, y: bottom + 31, "text-anchor": "end" }, axis));
  return { svg, x, y, left, right, top, bottom };
}
