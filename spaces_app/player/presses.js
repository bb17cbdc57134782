// Presses of keys, buttons, fingers and gamepads: the first frame at once, more while one lasts.

const HOLD_MS = 150; // a press longer than this goes on; a shorter one is a tap, and a tap is one frame

export class Presses {
  /**
   * @param player - what taps, holds and releases actions
   * @param mark - (action, isPressed): shows it
   * @param mayHold - (): whether a press may go on
   */
  constructor(player, { mark, mayHold }) {
    Object.assign(this, { player, mark, mayHold });
    this.pressed = new Map(); // { action, timer, goesOn } by what is pressed
  }

  press(what, action) {
    if (this.pressed.has(what) || action === undefined) return;
    this.mark(action, true);
    this.player.tap(action);
    const pressed = { action, goesOn: false };
    pressed.timer = setTimeout(() => {
      pressed.goesOn = this.mayHold();
      if (pressed.goesOn) this.player.hold(action);
    }, HOLD_MS);
    this.pressed.set(what, pressed);
  }

  release(what) {
    const pressed = this.pressed.get(what);
    if (!pressed) return;
    this.pressed.delete(what);
    clearTimeout(pressed.timer);
    const { action, goesOn } = pressed;
    if (![...this.pressed.values()].some((other) => other.action === action)) this.mark(action, false);
    if (goesOn) this.player.release(action);
  }

  releaseAll() {
    for (const what of [...this.pressed.keys()]) this.release(what);
    this.player.letGo();
  }
}
