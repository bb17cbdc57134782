// Which key means which action.

const STEERING_KEYS = {
  left: ["ArrowLeft", "a"],
  right: ["ArrowRight", "d"],
  up: ["ArrowUp", "w"],
  down: ["ArrowDown", "s"],
};
const SECOND_KEYS = { left: "q", right: "e", up: " " }; // where two actions go the same way
const CAPS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "␣" };

export const DIRECTIONS = Object.keys(STEERING_KEYS);

/** Numbers always; letters and arrows as the legend says where it is sure, else as the game's names of the actions. */
export class Bindings {
  constructor(numActions, legend, gameNames = []) {
    this.actions = new Map(); // by key
    for (let action = 0; action < Math.min(numActions, 9); action++) this.actions.set(String(action + 1), action);
    for (const direction of DIRECTIONS) {
      const [first, second] = legend.actionsThatGo(direction);
      const named = gameNames.indexOf(direction === "up" ? "jump" : direction);
      const action = first ?? (named < 0 ? undefined : named);
      if (action !== undefined) for (const key of STEERING_KEYS[direction]) this.actions.set(key, action);
      if (second !== undefined && SECOND_KEYS[direction]) this.actions.set(SECOND_KEYS[direction], second);
    }
  }

  has(key) {
    return this.actions.has(key);
  }

  action(key) {
    return this.actions.get(key);
  }

  /** The action that goes in a direction, if there is one. */
  steering(direction) {
    return this.actions.get(STEERING_KEYS[direction][0]);
  }

  /** What is printed on the keys of an action. */
  caps(action) {
    const keys = [...this.actions].filter(([, other]) => other === action);
    return keys.map(([key]) => CAPS[key] ?? key.toUpperCase());
  }

  /**
   * What a key means: what is printed on it or, where that means nothing, what an American keyboard has in its place.
   * So the digits are found under accents, the steering keys where the hand expects them, and all of them in any
   * script.
   */
  keyOf(event, shortcuts) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (this.has(key) || shortcuts[key]) return key;
    const place = /^(?:Digit|Key)(.)$/.exec(event.code)?.[1].toLowerCase();
    const isLatin = /^[a-z]$/.test(key);
    return this.has(place) || (shortcuts[place] && !isLatin) ? place : key;
  }
}
