// The D-pad and the left stick steer; the buttons A, B, X, Y are the first actions that do not.

import { DIRECTIONS } from "./bindings.js";

const DPAD = { left: 14, right: 15, up: 12, down: 13 }; // its buttons, as the standard numbers them
const STICK = { left: ([x]) => x < -0.5, right: ([x]) => x > 0.5, up: ([, y]) => y < -0.5, down: ([, y]) => y > 0.5 };

export function listenToGamepad(presses, bindings, numActions) {
  const steered = new Set(DIRECTIONS.map((direction) => bindings.steering(direction)));
  const others = Array.from({ length: numActions }, (_, action) => action).filter((action) => !steered.has(action));
  let looking = false;
  const look = () => {
    const pad = [...navigator.getGamepads()].find((pad) => pad);
    looking = Boolean(pad);
    if (!pad) return presses.releaseAll(); // it was unplugged
    const isDown = (button) => pad.buttons[button]?.pressed;
    const update = (what, isPressed, action) => (isPressed ? presses.press(what, action) : presses.release(what));
    for (const direction of DIRECTIONS) {
      const isPressed = isDown(DPAD[direction]) || STICK[direction](pad.axes);
      update(`pad ${direction}`, isPressed, bindings.steering(direction));
    }
    for (const [button, action] of others.slice(0, 4).entries()) update(`pad ${button}`, isDown(button), action);
    requestAnimationFrame(look);
  };
  window.addEventListener("gamepadconnected", () => looking || look());
}
