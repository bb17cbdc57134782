// The picture, what stands over it, and the line of words below.

const $ = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];

/** A new element; text goes in as text. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const view = $(".view");
const brush = view.getContext("2d");

let spoken = null; // the timer that says the number of the frame once the frames rest
function say(sentence) {
  clearTimeout(spoken);
  $(".status").textContent = sentence;
}

function showFrame(world, latency) {
  const { frame } = world;
  brush.drawImage(frame.picture, 0, 0);
  const since = performance.now() - 1500;
  latency.shown = latency.shown.filter((time) => time > since);
  const [first, last, count] = [latency.shown[0], latency.shown.at(-1), latency.shown.length];
  const rate = count > 2 ? ` · ${Math.round((1000 * (count - 1)) / (last - first))} fps` : "";
  const took = frame.depth && latency.total ? ` · ${Math.round(latency.total)} ms` : "";
  $(".hud").textContent = `frame ${frame.depth}${took}${rate}`;
  view.dataset.frame = frame.depth;
  view.dataset.number = frame.number;
  clearTimeout(spoken);
  spoken = setTimeout(() => say(frame.depth ? `At frame ${frame.depth}.` : "At the start."), 600);
}

function prepareScreen() {
  [view.height, view.width] = config.size;
  brush.imageSmoothingEnabled = false;
}
