// How long a frame takes to come, and how many come in a second.

const WINDOW_MS = 1500;

export class Latency {
  constructor() {
    this.total = 0; // milliseconds from the last request for a frame to its picture
    this.shown = []; // when the last frames that had been asked for were shown
  }

  noteShown(now) {
    this.shown.push(now);
  }

  /** Frames a second of late, or null where there are too few to tell. */
  rate(now) {
    this.shown = this.shown.filter((time) => time > now - WINDOW_MS);
    const [first, last, count] = [this.shown[0], this.shown.at(-1), this.shown.length];
    return count > 2 ? (1000 * (count - 1)) / (last - first) : null;
  }
}
