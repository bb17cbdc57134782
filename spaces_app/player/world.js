// The tree of frames, and the requests for new ones. Nothing here knows what the page looks like.

const config = props.config;
const FRAME_MS = 1000 / (config.fps ?? 15); // the world's pace, for held keys and for frames that are there already
const LEAST_IN_FLIGHT = 2, MOST_IN_FLIGHT = 4;
const IDLE_MS = 150; // without a step before previews are asked for

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks the server; an Error with one sentence where it refuses or does not answer. */
async function call(name, message) {
  let reply = null;
  try {
    reply = await server[name](message);
  } catch (error) {
    console.warn(name, error);
  }
  if (!reply) throw new Error("The server did not answer. Check your connection and try again.");
  if (reply.error) throw Object.assign(new Error(reply.error), reply);
  return reply;
}

async function decode(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}

/** Frames by number, in the order in which the server makes them; frame 0 is the picture at the start. */
class World {
  constructor(token, picture, start) {
    this.token = token;
    this.start = start; // { source, seed, steps }: what to ask for to get the same world again
    this.expired = false;
    this.frames = [];
    this.add(null, null, 0).picture = picture;
    this.at = 0; // the frame on the screen
  }

  add(parent, action, roll) {
    const depth = parent === null ? 0 : this.frames[parent].depth + 1;
    const frame = { number: this.frames.length, parent, action, roll, depth, children: [], next: null, picture: null };
    this.frames.push(frame);
    if (parent !== null) this.frames[parent].children.push(frame.number);
    return frame;
  }

  get frame() {
    return this.frames[this.at];
  }

  child(parent, action, roll) {
    const found = this.frames[parent].children.map((n) => this.frames[n]);
    return found.find((frame) => frame.action === action && frame.roll === roll);
  }

  /** The frames from the start to the one on the screen. */
  path() {
    const path = [];
    for (let n = this.at; n !== null; n = this.frames[n].parent) path.unshift(this.frames[n]);
    return path;
  }

  /** The path, and where redo leads from there. */
  line() {
    const line = this.path();
    for (let n = this.frame.next; n !== null; n = this.frames[n].next) line.push(this.frames[n]);
    return line;
  }

  goTo(number) {
    this.at = number;
    this.frame.shown = true;
    const { parent } = this.frame;
    if (parent !== null) this.frames[parent].next = number;
  }

  /** Forgets the frames that never came and those after them, and leaves room for all that the server has made. */
  settle(made = 0) {
    const count = Math.max(made, 1 + this.frames.findLastIndex((frame) => frame.picture));
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

/** Turns presses into frames: a tap is one, a held key goes on. Several requests are on their way at a time. */
class Player {
  constructor(on) {
    this.on = on; // { show(world), say(sentence), wait(isWaiting), preview(frame) }
    this.world = null;
    this.taps = []; // { action, roll, parent }
    this.held = []; // actions, the latest last
    this.flights = []; // { frame, held, cancelled }
    this.landing = Promise.resolve();
    this.tip = 0; // where the next step starts from
    this.inFlight = LEAST_IN_FLIGHT;
    this.latency = { total: 0, shown: [] };
    this.begun = 0;
    this.due = 0; // when the world's pace has the next frame
  }

  /** Starts a world; `taps` are played at once. */
  async begin(start, taps = []) {
    const turn = ++this.begun;
    this.letGo();
    this.on.say("Starting…");
    this.on.wait(true);
    try {
      const { source, seed, steps } = start;
      const reply = await call("start", { ...source, seed, steps, leave: this.world?.token });
      const picture = await decode(reply.image);
      if (turn !== this.begun) return;
      this.cancel();
      this.world = new World(reply.world, picture, start);
      this.taps = taps;
      this.tip = 0;
      this.on.say("");
      this.show(0);
      this.pump();
    } catch (error) {
      if (turn === this.begun) this.on.say(error.message);
    } finally {
      if (turn === this.begun) this.on.wait(false);
    }
  }

  tap(action, roll = 0, parent = null) {
    this.taps.push({ action, roll, parent });
    this.pump();
  }

  hold(action) {
    this.held.push(action);
    this.pump();
  }

  /** Ends a hold. Frames on their way are kept for later, and not shown. */
  release(action) {
    const count = this.held.length;
    this.held = this.held.filter((other) => other !== action);
    if (this.held.length || !count) return;
    for (const flight of [...this.flights].reverse()) {
      if (!flight.held) break;
      flight.cancelled = true;
    }
    this.rest();
  }

  letGo() {
    for (const action of [...this.held]) this.release(action);
  }

  get busy() {
    return this.taps.length + this.held.length + this.flights.filter((flight) => !flight.cancelled).length > 0;
  }

  // Time

  undo() {
    if (this.world?.at) this.jump(this.world.frame.parent);
  }

  redo() {
    if (this.world && this.world.frame.next !== null) this.jump(this.world.frame.next);
  }

  reset() {
    if (this.world && !this.world.expired) this.jump(0);
    else if (this.last) this.begin(this.last);
  }

  jump(number) {
    this.cancel();
    this.show(number);
  }

  /** Another sample of the frame on the screen. */
  reroll() {
    if (!this.world?.at) return;
    const { parent, action } = this.world.frame;
    const rolls = this.world.frames[parent].children.map((n) => this.world.frames[n]);
    this.tap(action, 1 + Math.max(...rolls.filter((f) => f.action === action).map((f) => f.roll)), parent);
  }

  // Inside

  get last() {
    return this.world?.start;
  }

  cancel() {
    this.taps = [];
    this.held = [];
    for (const flight of this.flights) flight.cancelled = true;
    this.rest();
  }

  /** The next step starts from the last frame that will be shown. */
  rest() {
    const flying = this.flights.filter((flight) => !flight.cancelled);
    this.tip = flying.length ? flying.at(-1).frame.number : this.world?.at ?? 0;
  }

  show(number) {
    this.world.goTo(number);
    this.rest();
    this.on.show(this.world);
    this.lookAhead();
  }

  /** Asks for previews after a while without a step. */
  lookAhead() {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.preview(), IDLE_MS);
  }

  pump() {
    while (this.world && !this.failed && this.flights.length < this.inFlight) {
      const wish = this.taps.shift() ?? (this.held.length ? { action: this.held.at(-1), roll: 0, held: true } : null);
      if (!wish) return;
      this.fly(wish);
    }
  }

  fly({ action, roll, parent, held = false }) {
    const { world } = this;
    const from = parent ?? this.tip;
    const frame = world.child(from, action, roll) ?? world.add(from, action, roll);
    const known = frame.picture !== null;
    if (!known && !frame.arriving) {
      frame.arriving = this.ask(world, frame);
      frame.arriving.catch(() => {}); // heard below
    }
    const flight = { frame, held, cancelled: false };
    this.flights.push(flight);
    this.rest();
    this.landing = this.landing
      .then(() => frame.arriving)
      .then(() => (held || known) && this.keepPace(flight))
      .then(() => this.land(world, flight), (error) => this.fail(world, flight, error));
  }

  /** Waits until the next frame is due, or the flight is cancelled. */
  async keepPace(flight) {
    while (!flight.cancelled && performance.now() < this.due) await pause(Math.min(10, FRAME_MS));
  }

  async ask(world, frame) {
    const { number, parent, action, roll } = frame;
    const asked = performance.now();
    if (config.bursts && this.flights.length === 0) trigger("burst", { world: world.token }); // a GPU, for a while
    const reply = await call("step", { world: world.token, frame: number, parent, action, roll });
    frame.picture = await decode(reply.image);
    const total = performance.now() - asked;
    this.latency.total = total;
    const travel = total - reply.ms;
    const wanted = 1 + Math.ceil((1.25 * travel) / reply.model_ms); // while one is made, the others travel; with some slack
    this.inFlight = Math.min(Math.max(wanted, LEAST_IN_FLIGHT), MOST_IN_FLIGHT);
  }

  land(world, flight) {
    this.flights = this.flights.filter((other) => other !== flight);
    if (world === this.world && !flight.cancelled) {
      this.latency.shown.push(performance.now());
      this.due = performance.now() + FRAME_MS;
      this.show(flight.frame.number);
    } else {
      this.lookAhead(); // a preview gives way to a step on the server, shown or not
    }
    this.drained();
    this.pump();
  }

  fail(world, flight, error) {
    this.flights = this.flights.filter((other) => other !== flight);
    if (world === this.world && !this.failed) {
      const lost = [flight, ...this.flights].filter(({ cancelled, held }) => !cancelled && !held);
      this.failed = { world, numFrames: error.num_frames };
      world.expired ||= Boolean(error.expired);
      this.cancel();
      if (error.num_frames === undefined) this.on.say(error.message);
      else this.taps = lost.map(({ frame: { action, roll, parent } }, i) => ({ action, roll, parent: i ? null : parent }));
    }
    this.drained();
    this.pump();
  }

  /** After a failure nothing is asked for until everything on its way has come or failed. */
  drained() {
    if (!this.failed || this.flights.length) return;
    this.failed.world.settle(this.failed.numFrames);
    this.failed = null;
    this.rest();
  }

  async preview() {
    const { world } = this;
    const { frame } = world;
    if (this.busy || world.expired) return;
    try {
      if (!frame.preview) {
        const { sheet } = await call("preview", { world: world.token, frame: frame.number });
        if (!sheet) return;
        frame.preview = await decode(sheet);
      }
      if (world === this.world && world.frame === frame) this.on.preview(frame);
    } catch (error) {
      world.expired ||= Boolean(error.expired);
      if (error.expired) this.on.say(error.message);
    }
  }
}
