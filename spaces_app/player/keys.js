// Keyboard, touch and gamepad: all of them press and release actions.

const HOLD_MS = 150; // a press longer than this goes on; a shorter one is a tap, and a tap is one frame
const SWIPE = 24; // pixels a finger moves before it steers
const STEER = {
  left: ["ArrowLeft", "a"],
  right: ["ArrowRight", "d"],
  up: ["ArrowUp", "w"],
  down: ["ArrowDown", "s"],
};
const SECOND = { left: "q", right: "e", up: " " }; // where two actions go the same way
const CAPS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "␣" };

/** Keys to actions: numbers always; letters and arrows as the legend says where it is sure, else as the buttons' names. */
function bindKeys() {
  const keys = new Map();
  for (let action = 0; action < Math.min(config.actions, 9); action++) keys.set(String(action + 1), action);
  for (const [direction, names] of Object.entries(STEER)) {
    const ways = legend
      .map((entry, action) => ({ ...entry, action }))
      .filter((entry) => entry.sure && entry.direction === direction)
      .sort((a, b) => b.consistency - a.consistency);
    const named = (config.names ?? []).indexOf(direction === "up" ? "jump" : direction);
    const way = ways[0]?.action ?? (named < 0 ? undefined : named);
    if (way !== undefined) for (const key of names) keys.set(key, way);
    if (ways[1] && SECOND[direction]) keys.set(SECOND[direction], ways[1].action);
  }
  return keys;
}

const bound = bindKeys();
const capsOf = (action) => [...bound].filter(([, bound]) => bound === action).map(([key]) => CAPS[key] ?? key.toUpperCase());
const steering = (direction) => bound.get(STEER[direction][0]);

/** One press after the other of any device: the first frame at once, more while it lasts. */
class Presses {
  constructor(player) {
    this.player = player;
    this.timers = new Map(); // by what is pressed
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  press(what, action) {
    if (this.timers.has(what) || action === undefined) return;
    this.mark(action, true);
    this.player.tap(action);
    const timer = setTimeout(() => this.still.matches || this.player.hold(action), HOLD_MS);
    this.timers.set(what, { timer, action });
  }

  release(what) {
    const pressed = this.timers.get(what);
    if (!pressed) return;
    this.timers.delete(what);
    clearTimeout(pressed.timer);
    this.mark(pressed.action, false);
    this.player.release(pressed.action);
  }

  releaseAll() {
    for (const what of [...this.timers.keys()]) this.release(what);
    this.player.letGo();
  }

  mark(action, isPressed) {
    all(".action")[action]?.classList.toggle("pressed", isPressed);
  }
}

const isTyping = (target) => target.matches("textarea, input:not([type=checkbox]):not([type=range]), select, [contenteditable]");

/**
 * What a key means: what is printed on it or, where that means nothing, what an American keyboard has in its place. So
 * the digits are found under accents, the steering keys where the hand expects them, and all of them in any script.
 */
function nameOf(event, shortcuts) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (bound.has(key) || shortcuts[key]) return key;
  const place = /^(?:Digit|Key)(.)$/.exec(event.code)?.[1].toLowerCase();
  const isLatin = /^[a-z]$/.test(key);
  return bound.has(place) || (shortcuts[place] && !isLatin) ? place : key;
}

/** The key itself: its character may be another when it is released, as Shift may have come in between. */
const keyOf = (event) => event.code || event.key.toLowerCase();

function listen(presses, shortcuts) {
  const onKey = (event) => {
    const key = nameOf(event, shortcuts);
    if (event.ctrlKey || event.metaKey || event.altKey) return presses.releaseAll(); // the browser's, and macOS hides its end
    if (isTyping(event.target)) return;
    if (event.repeat && key === "Enter" && event.target.matches("button")) return event.preventDefault();
    if (key === " " && event.target !== view) return; // a focused button is pressed by it
    if (key.startsWith("Arrow") && event.target.matches("[type=range], [role=tab]")) return;
    if (!bound.has(key) && !shortcuts[key]) return;
    event.preventDefault();
    if (event.repeat) return;
    if (bound.has(key)) presses.press(keyOf(event), bound.get(key));
    else shortcuts[key]();
  };
  element.addEventListener("keydown", onKey);
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body) return; // nothing has the focus: after a click on plain text
    view.focus({ preventScroll: true });
    onKey(event);
  });
  document.addEventListener("keyup", (event) => presses.release(keyOf(event)));
  element.addEventListener("focusout", (event) => element.contains(event.relatedTarget) || presses.releaseAll());
  window.addEventListener("blur", () => presses.releaseAll());
  document.addEventListener("visibilitychange", () => presses.releaseAll());

  for (const button of all(".action")) {
    const action = Number(button.dataset.action);
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      presses.press(`pointer ${event.pointerId}`, action);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(end, (event) => presses.release(`pointer ${event.pointerId}`));
    }
    button.addEventListener("click", (event) => event.detail || presses.player.tap(action)); // by Enter or Space
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
  }

  // A finger or the mouse on the picture steers as a stick does: the way from where it came down.
  let stick = null;
  view.addEventListener("pointerdown", (event) => {
    view.focus({ preventScroll: true });
    view.setPointerCapture(event.pointerId);
    stick = { x: event.clientX, y: event.clientY, action: undefined };
  });
  view.addEventListener("pointermove", (event) => {
    if (!stick) return;
    const [x, y] = [event.clientX - stick.x, event.clientY - stick.y];
    if (Math.hypot(x, y) < SWIPE) return;
    const action = steering(Math.abs(x) > Math.abs(y) ? (x > 0 ? "right" : "left") : y > 0 ? "down" : "up");
    if (action === stick.action) return;
    presses.release("stick");
    stick.action = action;
    presses.press("stick", action);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    view.addEventListener(end, () => {
      presses.release("stick");
      stick = null;
    });
  }
}

/** The D-pad and the left stick steer; the buttons A, B, X, Y are the first actions that do not. */
function listenToGamepad(presses) {
  const steered = new Set(Object.keys(STEER).map(steering));
  const others = Array.from({ length: config.actions }, (_, action) => action).filter((action) => !steered.has(action));
  let looking = false;
  const look = () => {
    const pad = [...navigator.getGamepads()].find((pad) => pad);
    looking = Boolean(pad);
    if (!pad) return presses.releaseAll(); // it was unplugged
    const on = (button) => pad.buttons[button]?.pressed;
    const [x, y] = pad.axes;
    const wanted = {
      left: on(14) || x < -0.5, right: on(15) || x > 0.5, up: on(12) || y < -0.5, down: on(13) || y > 0.5,
    };
    const pressed = Object.entries(wanted).map(([direction, isOn]) => [`pad ${direction}`, isOn, steering(direction)]);
    pressed.push(...others.slice(0, 4).map((action, button) => [`pad ${button}`, on(button), action]));
    for (const [what, isOn, action] of pressed) isOn ? presses.press(what, action) : presses.release(what);
    requestAnimationFrame(look);
  };
  window.addEventListener("gamepadconnected", () => looking || look());
}
