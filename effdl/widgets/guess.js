// The guess of a question: in the model, in the browser's storage, and told to everyone on the page.

const GUESS_CHANGED = "wts-guess";

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(`weights-to-silicon/${key}`));
  } catch {
    return null; // storage is switched off, or holds something else: there is no guess
  }
}

function store(key, guess) {
  try {
    if (guess === null) localStorage.removeItem(`weights-to-silicon/${key}`);
    else localStorage.setItem(`weights-to-silicon/${key}`, JSON.stringify(guess));
  } catch {
    // Storage is switched off: the guess lasts as long as the page.
  }
}

/** Tell all widgets of this page. */
function announce(key, guess) {
  window.dispatchEvent(new CustomEvent(GUESS_CHANGED, { detail: { key, guess } }));
}

/** Call back with the guess when it changes, on this page or in another tab. Returns the function that stops it. */
function onGuess(key, callback) {
  const here = (event) => event.detail.key === key && callback(event.detail.guess);
  const elsewhere = (event) => event.key === `weights-to-silicon/${key}` && callback(stored(key));
  window.addEventListener(GUESS_CHANGED, here);
  window.addEventListener("storage", elsewhere);
  return () => {
    window.removeEventListener(GUESS_CHANGED, here);
    window.removeEventListener("storage", elsewhere);
  };
}

function withUnit(value, unit) {
  return typeof value === "string" ? value : `${significant(value)} ${unit}`.trim();
}
