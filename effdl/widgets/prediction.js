// Asks a question and keeps the guess.

/** The slider runs over 0..STEPS; where(value) is the step of a number, number(step) the number of a step. */
const STEPS = 200;

function slider(low, high, log) {
  const share = log
    ? (value) => Math.log(value / low) / Math.log(high / low)
    : (value) => (value - low) / (high - low);
  const value = log
    ? (part) => low * (high / low) ** part
    : (part) => low + (high - low) * part;
  return {
    where: (number) => Math.round(STEPS * Math.min(1, Math.max(0, share(number)))),
    number: (step) => Number(value(step / STEPS).toPrecision(step === 0 || step === STEPS ? 12 : 3)),
  };
}

export default {
  render({ model, el }) {
    const key = model.get("key");
    const question = model.get("question");
    root(el, "prediction", "Prediction");
    el.dataset.key = key;
    const note = element("p", { class: "wts-note", "aria-live": "polite" });
    const forget = element("button", { class: "wts-plain", onclick: () => guessed(null) }, "Forget my guess");

    const form = model.get("choices").length ? options(model, guessed) : scale(model, guessed);
    el.append(
      element("fieldset", {}, element("legend", {}, question), form.node),
      element("div", { class: "wts-row" }, note, forget),
    );

    function guessed(guess) {
      store(key, guess);
      if (model.get("guess") !== guess) {
        model.set("guess", guess);
        model.save_changes();
      }
      announce(key, guess);
    }

    function show() {
      const guess = model.get("guess");
      form.show(guess);
      note.textContent = guess === null
        ? "Guess before you read on. Your guess is kept, and shown beside the result."
        : `Your guess: ${withUnit(guess, model.get("unit"))}. It is shown beside the result.`;
      forget.hidden = guess === null;
    }

    // A guess that was kept the last time the page was open comes back. One that the kernel knows goes first.
    if (model.get("guess") === null) {
      const kept = stored(key);
      const choices = model.get("choices");
      if (choices.length ? choices.includes(kept) : typeof kept === "number") {
        model.set("guess", kept);
        model.save_changes();
      }
    } else {
      store(key, model.get("guess"));
    }
    const stop = onGuess(key, (guess) => guess !== model.get("guess") && model.set("guess", guess));
    model.on("change:guess", show);
    show();
    return () => {
      stop();
      model.off("change:guess", show);
    };
  },
};

function options(model, guessed) {
  const name = unique("choice");
  const inputs = model.get("choices").map((choice) =>
    element("input", { type: "radio", name, value: choice, onchange: () => guessed(choice) }));
  const node = element("div", { class: "wts-options" },
    ...inputs.map((input) => element("label", { class: "wts-option" }, input, element("span", {}, input.value))));
  return {
    node,
    show: (guess) => inputs.forEach((input) => (input.checked = input.value === guess)),
  };
}

function scale(model, guessed) {
  const [low, high, unit] = ["low", "high", "unit"].map((name) => model.get(name));
  const steps = slider(low, high, model.get("log"));
  const range = element("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Your guess, by slider" });
  const number = element("input", { type: "number", step: "any", placeholder: "?", "aria-label": `Your guess${unit ? ` in ${unit}` : ""}` });
  range.addEventListener("input", () => (number.value = steps.number(range.valueAsNumber)));
  range.addEventListener("change", () => guessed(steps.number(range.valueAsNumber)));
  number.addEventListener("change", () => guessed(Number.isFinite(number.valueAsNumber) ? number.valueAsNumber : null));
  const node = element("div", { class: "wts-scale" },
    element("span", {}, withUnit(low, unit)), range, element("span", {}, withUnit(high, unit)),
    element("label", { class: "wts-field" }, number, unit ? element("span", {}, unit) : null));
  return {
    node,
    show(guess) {
      range.classList.toggle("unset", guess === null);
      range.value = guess === null ? STEPS / 2 : steps.where(guess);
      range.setAttribute("aria-valuetext", guess === null ? "not guessed yet" : withUnit(guess, unit));
      number.value = guess ?? "";
    },
  };
}
