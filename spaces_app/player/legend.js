// What was measured of the actions of this world: where each of them leads, and how often.

const ARROWS = { left: "←", right: "→", up: "↑", down: "↓", none: "·" };
const MIN_CONSISTENCY = 0.6; // share of starts in which an action must do the same to be called by it

export class Legend {
  constructor({ legend, starts }) {
    this.entries = (legend ?? []).map((entry, action) => ({ ...entry, action, sure: entry.consistency >= MIN_CONSISTENCY }));
    this.starts = starts;
  }

  /** The actions that are sure to go one way, the surest first. */
  actionsThatGo(direction) {
    const sure = this.entries.filter((entry) => entry.sure && entry.direction === direction);
    return sure.sort((a, b) => b.consistency - a.consistency).map((entry) => entry.action);
  }

  /** An arrow and how often it was right. */
  shortly(action) {
    const entry = this.entries[action];
    if (!entry) return { arrow: "", words: "" };
    if (!entry.sure) return { arrow: "", words: "varies" };
    return { arrow: ARROWS[entry.direction], words: percent(entry.consistency) };
  }

  /** Where an action leads in one word, or nothing where that is not sure. */
  inAWord(action) {
    const entry = this.entries[action];
    if (!entry?.sure) return "";
    return entry.direction === "none" ? "stays" : entry.direction;
  }

  inASentence(action) {
    const entry = this.entries[action];
    if (!entry) return "";
    const does = entry.direction === "none" ? "nothing moves" : `moves ${entry.direction}`;
    return `In ${percent(entry.consistency)} of ${this.starts} starts: ${does}`;
  }
}

const percent = (share) => `${Math.round(100 * share)} %`;
