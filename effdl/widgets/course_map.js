// Shows the map of the course, and says of each chapter what you build there.

const ABOUT = "Point at a chapter, or move through them with the arrow keys, to see what you build in it.";

/** In the book a chapter's page is NAME.html, in JupyterLab it is opened as NAME.ipynb; elsewhere there is no address. */
function ending(path) {
  if (path.endsWith(".html")) return ".html";
  return /\/(lab\/tree|notebooks)\/.+\.ipynb$/.test(path) ? ".ipynb" : null;
}

export default {
  render({ model, el }) {
    root(el, "map", "Map of the course");
    const about = element("p", { class: "wts-note wts-about", "aria-live": "polite" }, ABOUT);
    const map = element("div");
    map.innerHTML = model.get("html");
    el.append(map, about);

    const suffix = ending(location.pathname);
    for (const link of map.querySelectorAll("a")) {
      const address = link.getAttribute("href");
      if (suffix === null) link.removeAttribute("href");
      else link.setAttribute("href", address + suffix);
      if (suffix === ".ipynb") link.target = "_blank";
    }

    // One stop for the Tab key; the arrow keys move from chapter to chapter.
    const chapters = [...map.querySelectorAll("li")].map((item) => ({ item, stop: item.querySelector("a[href]") ?? item }));
    const focus = (index) => {
      for (const [i, { stop }] of chapters.entries()) stop.tabIndex = i === index ? 0 : -1;
    };
    focus(0);
    for (const [index, { item, stop }] of chapters.entries()) {
      const tell = () => (about.textContent = item.dataset.builds);
      item.addEventListener("pointerenter", tell);
      for (const [name, value] of Object.entries(OWN_KEYS)) stop.setAttribute(name, value);
      stop.addEventListener("focus", () => {
        focus(index);
        tell();
      });
      stop.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        chapters[(index + step + chapters.length) % chapters.length].stop.focus();
      });
    }
  },
};
