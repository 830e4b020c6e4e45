// Play, step and back through what happens one step at a time.

/** The controls of a widget that shows the integer trait `trait` of its model, from step 0 to last().
 *
 *    const steps = stepper(model, "cycle", { label: "Cycle", name: "Cycle of the array", last: () => trace.length - 1 });
 *    el.append(...steps.buttons, picture, steps.row);          // buttons: Back, Play, Step
 *    const cycle = steps.at();                                 // the trait, but never beyond last()
 *    steps.show(`${cycle} of ${steps.last()}`, "what a screen reader says");   // each time the picture is drawn
 *    return () => { steps.pause(); stop(); };                  // when the widget goes
 */
function stepper(model, trait, { label, name = label, last }) {
  const at = () => Math.min(model.get(trait), last());
  const go = (step) => setter(model)(trait, Math.max(0, Math.min(step, last())));
  let timer = null;
  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const run = () => {
    if (at() >= last()) go(0);
    play.textContent = "Pause";
    // About six seconds for the whole way, but never too fast to see nor too slow to wait for.
    timer = setInterval(() => (at() >= last() ? pause() : go(at() + 1)), Math.max(60, Math.min(900, 6000 / (last() + 1))));
  };
  const button = (text, onclick) => element("button", { type: "button", onclick }, text);
  const byHand = (step) => () => {
    pause();
    go(step());
  };
  const back = button("Back", byHand(() => at() - 1));
  const play = button("Play", () => (timer ? pause() : run()));
  const forth = button("Step", byHand(() => at() + 1));
  const { row, range, shown } = sliderRow(label, { name }, (step) => byHand(() => step)());
  const show = (words, spoken = words) => {
    range.max = last();
    range.value = at();
    range.setAttribute("aria-valuetext", spoken);
    shown.textContent = words;
  };
  return { buttons: [back, play, forth], row, at, last, show, pause };
}
