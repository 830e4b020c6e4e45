// Shows a guess beside what was measured, and follows the guess.

/** Say how a guess compares with what was measured; as `effdl.widgets.prediction.verdict`. */
export function verdict(guess, measured, unit, log) {
  const value = (x) => withUnit(x, unit);
  if (guess === null) return `Measured: ${value(measured)}. You have not guessed yet.`;
  const said = `You guessed ${value(guess)}. Measured: ${value(measured)}.`;
  if (typeof measured === "string") return `${said} ${guess === measured ? "That is right." : "That is not it."}`;
  if (value(guess) === value(measured)) return `${said} That is right.`;
  if (log && guess > 0 && measured > 0) return `${said} That is ${significant(measured / guess)} × your guess.`;
  const difference = withUnit(Math.abs(measured - guess), unit === "%" ? "points" : unit);
  return `${said} That is ${difference} ${measured > guess ? "more" : "less"}.`;
}

export default {
  render({ model, el }) {
    const key = model.get("key");
    const [measured, unit, choices] = ["measured", "unit", "choices"].map((name) => model.get(name));
    root(el, "comparison", "Your prediction and the result");
    const sentence = element("p", { class: "wts-verdict", "aria-live": "polite" });
    const back = element("button", { class: "wts-plain", onclick: toQuestion }, "Go back and guess");
    const hint = element("p", { class: "wts-note" });
    const picture = element("div");
    const text = model.get("text");
    el.append(
      element("p", { class: "wts-note" }, model.get("question")),
      sentence, back, hint, picture,
      text ? element("p", {}, text) : "",
    );
    let guess = model.get("guess") ?? stored(key);

    function toQuestion() {
      const question = document.querySelector(`.wts-prediction[data-key="${key}"]`);
      if (!question) {
        // JupyterLab takes cells that are out of sight off the page.
        hint.textContent = "The question stands further up, where this page says Predict.";
        return;
      }
      question.scrollIntoView({ block: "center" });
      question.querySelector("input").focus({ preventScroll: true });
    }

    function show() {
      sentence.textContent = verdict(guess, measured, unit, model.get("log"));
      back.hidden = guess !== null;
      hint.textContent = "";
      draw(plot.width());
    }

    function draw(width) {
      if (choices.length) picture.replaceChildren(list(choices, guess, measured));
      else if (width) picture.replaceChildren(line(width, guess, measured, model));
    }

    const plot = atWidth(picture, draw);
    const changed = () => {
      guess = model.get("guess");
      show();
    };
    const stop = onGuess(key, (value) => {
      guess = value;
      show();
    });
    model.on("change:guess", changed);
    show();
    return () => {
      stop();
      plot.stop();
      model.off("change:guess", changed);
    };
  },
};

function list(choices, guess, measured) {
  const items = choices.map((choice) => element("li", { class: choice === measured ? "measured" : "" }, choice,
    choice === measured ? element("span", { class: "wts-tag" }, "measured") : null,
    choice === guess ? element("span", { class: "wts-tag guess" }, "your guess") : null));
  return element("ul", {}, ...items);
}

/** A number line with both numbers on it. It is longer than the slider's where a number lies outside. */
function line(width, guess, measured, model) {
  const unit = model.get("unit");
  const log = model.get("log") && measured > 0 && (guess === null || guess > 0);
  const numbers = guess === null ? [measured] : [measured, guess];
  const low = Math.min(model.get("low"), ...numbers);
  const high = Math.max(model.get("high"), ...numbers);
  const [left, right] = [14, width - 14];
  const share = log ? (v) => Math.log(v / low) / Math.log(high / low) : (v) => (v - low) / (high - low);
  const x = (value) => left + share(value) * (right - left);
  const svg = shape("svg", { height: 66, role: "img", "aria-label": verdict(guess, measured, unit, log) });
  svg.append(shape("path", { class: "axis", d: `M${left} 34H${right}M${left} 29v10M${right} 29v10` }));
  svg.append(shape("text", { x: left - 10, y: 62 }, withUnit(low, unit)));
  svg.append(shape("text", { x: right + 10, y: 62, "text-anchor": "end" }, withUnit(high, unit)));
  const label = (value, y, words, className) => {
    const at = Math.min(right - 30, Math.max(left + 30, x(value)));
    svg.append(shape("text", { x: at, y, "text-anchor": "middle", class: className }, words));
  };
  if (guess !== null) {
    svg.append(shape("path", { class: "gap", d: `M${x(guess)} 34H${x(measured)}` }));
    svg.append(shape("circle", { class: "guess", cx: x(guess), cy: 34, r: 6 }));
    label(guess, 57, "your guess", "threshold-text");
  }
  svg.append(shape("circle", { class: "measured", cx: x(measured), cy: 34, r: 6 }));
  label(measured, 20, "measured", "strong");
  return svg;
}
