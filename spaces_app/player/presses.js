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
    this.pressed = new Map(); // by what is pressed
  }

  press(what, action) {
    if (this.pressed.has(what) || action === undefined) return;
    this.mark(action, true);
    this.player.tap(action);
    const timer = setTimeout(() => this.mayHold() && this.player.hold(action), HOLD_MS);
    this.pressed.set(what, { timer, action });
  }

  release(what) {
    const pressed = this.pressed.get(what);
    if (!pressed) return;
    this.pressed.delete(what);
    clearTimeout(pressed.timer);
    this.mark(pressed.action, false);
    this.player.release(pressed.action);
  }

  releaseAll() {
    for (const what of [...this.pressed.keys()]) this.release(what);
    this.player.letGo();
  }
}
