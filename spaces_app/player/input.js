// Keyboard, buttons and touch: all of them press and release actions.

const MIN_SWIPE = 24; // pixels a finger moves before it steers
const ENDS = ["pointerup", "pointercancel", "lostpointercapture"];

const isTyping = (target) => target.matches("textarea, input:not([type=checkbox]):not([type=range]), select, [contenteditable]");

/** The key itself: its character may be another when it is released, as Shift may have come in between. */
const physicalKey = (event) => event.code || event.key.toLowerCase();

/** `shortcuts` are functions by key, for what is no action. */
export function listenToKeys(page, presses, bindings, shortcuts) {
  const { element, view } = page;
  const onKey = (event) => {
    const key = bindings.keyOf(event, shortcuts);
    if (event.ctrlKey || event.metaKey || event.altKey) return presses.releaseAll(); // the browser's, and macOS hides its end
    if (isTyping(event.target)) return;
    if (event.repeat && key === "Enter" && event.target.matches("button")) return event.preventDefault();
    if (key === " " && event.target !== view) return; // a focused button is pressed by it
    if (key.startsWith("Arrow") && event.target.matches("[type=range], [role=tab]")) return;
    if (!bindings.has(key) && !shortcuts[key]) return;
    event.preventDefault();
    if (event.repeat) return;
    if (bindings.has(key)) presses.press(physicalKey(event), bindings.action(key));
    else shortcuts[key]();
  };
  element.addEventListener("keydown", onKey);
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body) return; // nothing has the focus: after a click on plain text
    page.focusView();
    onKey(event);
  });
  document.addEventListener("keyup", (event) => presses.release(physicalKey(event)));
  element.addEventListener("focusout", (event) => element.contains(event.relatedTarget) || presses.releaseAll());
  window.addEventListener("blur", () => presses.releaseAll());
  document.addEventListener("visibilitychange", () => presses.releaseAll());
}

export function listenToButtons(buttons, presses) {
  for (const [action, button] of buttons.entries()) {
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      button.setPointerCapture(event.pointerId);
      presses.press(`pointer ${event.pointerId}`, action);
    });
    for (const end of ENDS) button.addEventListener(end, (event) => presses.release(`pointer ${event.pointerId}`));
    button.addEventListener("click", (event) => event.detail || presses.player.tap(action)); // by Enter or Space
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
  }
}

/** A finger or the mouse on the picture steers as a stick does: the way from where it came down. */
export function listenToTouch(page, presses, bindings) {
  const { view } = page;
  let stick = null;
  view.addEventListener("pointerdown", (event) => {
    page.focusView();
    view.setPointerCapture(event.pointerId);
    stick = { x: event.clientX, y: event.clientY, action: undefined };
  });
  view.addEventListener("pointermove", (event) => {
    if (!stick) return;
    const [x, y] = [event.clientX - stick.x, event.clientY - stick.y];
    if (Math.hypot(x, y) < MIN_SWIPE) return;
    const action = bindings.steering(Math.abs(x) > Math.abs(y) ? (x > 0 ? "right" : "left") : y > 0 ? "down" : "up");
    if (action === stick.action) return;
    presses.release("stick");
    stick.action = action;
    presses.press("stick", action);
  });
  for (const end of ENDS) {
    view.addEventListener(end, () => {
      presses.release("stick");
      stick = null;
    });
  }
}
