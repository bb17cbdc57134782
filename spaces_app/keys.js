// Keys 1..9 press the action buttons, Z undoes, R resets. A tap is exactly one frame; a key held down asks for the
// next frame as soon as the last one is on the screen, so that nothing is left to run when it is let go.
const HOLD_AFTER_MS = 250, GIVE_UP_AFTER_MS = 5000;
const taps = [];
let held = null, holdTimer = null, sentAt = 0, shown = null;

const buttonFor = (key) => document.getElementById({ z: "undo", r: "reset" }[key] ?? `action-${key}`);

function pump() {
  if (Date.now() - sentAt < GIVE_UP_AFTER_MS) return;
  const button = buttonFor(taps.shift() ?? held);
  if (!button) return;
  sentAt = Date.now();
  button.click();
}

function letGo() {
  clearTimeout(holdTimer);
  held = null;
}

new MutationObserver(() => {
  const reply = element.querySelector("figure")?.dataset.reply;
  if (reply === shown) return;
  shown = reply;
  sentAt = 0;
  pump();
}).observe(element, { childList: true, subtree: true, attributes: true });

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey || !buttonFor(key)) return;
  if (event.target.closest("textarea, input:not([type=range])")) return;
  event.preventDefault();
  if (event.repeat) return;
  letGo();
  taps.push(key);
  pump();
  holdTimer = setTimeout(() => { held = key; pump(); }, HOLD_AFTER_MS);
});
document.addEventListener("keyup", letGo);
window.addEventListener("blur", letGo);
