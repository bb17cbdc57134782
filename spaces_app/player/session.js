// One player's way through a world: the tree of its frames. Nothing here knows what the page looks like.

/** Frames by number, in the order in which the server makes them; frame 0 is the picture at the start. */
export class Session {
  constructor(token, picture, start) {
    this.token = token;
    this.start = start; // { source, seed, steps }: what to ask for to get the same world again
    this.expired = false;
    this.frames = [];
    this.add(null, null, 0).picture = picture;
    this.current = 0; // the frame on the screen
  }

  add(parent, action, roll) {
    const depth = parent === null ? 0 : this.frames[parent].depth + 1;
    const frame = { number: this.frames.length, parent, action, roll, depth, children: [], next: null, picture: null };
    this.frames.push(frame);
    if (parent !== null) this.frames[parent].children.push(frame.number);
    return frame;
  }

  get frame() {
    return this.frames[this.current];
  }

  childrenOf(number) {
    return this.frames[number].children.map((child) => this.frames[child]);
  }

  child(parent, action, roll) {
    return this.childrenOf(parent).find((frame) => frame.action === action && frame.roll === roll);
  }

  /** The frames from the start to the one on the screen. */
  path() {
    const path = [];
    for (let n = this.current; n !== null; n = this.frames[n].parent) path.unshift(this.frames[n]);
    return path;
  }

  /** The path, and where redo leads from there. */
  line() {
    const line = this.path();
    for (let n = this.frame.next; n !== null; n = this.frames[n].next) line.push(this.frames[n]);
    return line;
  }

  goTo(number) {
    this.current = number;
    this.frame.shown = true;
    const { parent } = this.frame;
    if (parent !== null) this.frames[parent].next = number;
  }

  /** Forgets the frames that never came and those after them, and leaves room for all that the server has made. */
  forgetMissing(numFrames = 0) {
    const count = Math.max(numFrames, 1 + this.frames.findLastIndex((frame) => frame.picture));
    for (const frame of this.frames) {
      const parent = this.frames[frame.parent];
      if (!parent || (parent.picture && frame.picture)) continue;
      frame.picture = null;
      parent.children = parent.children.filter((number) => number !== frame.number);
    }
    this.frames.length = Math.min(this.frames.length, count);
    while (this.frames.length < count) this.frames.push({ parent: null, children: [], picture: null });
  }
}
