// Turns presses into frames. Nothing here knows what the page looks like.

import { Latency } from "./latency.js";
import { Session } from "./session.js";

const [MIN_IN_FLIGHT, MAX_IN_FLIGHT] = [2, 4]; // steps on their way at a time
const IDLE_MS = 150; // without a step before previews are asked for

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A tap is one frame, a held action goes on. Several steps are on their way at a time. */
export class Player {
  /**
   * @param ask - (name, message): asks the server, see server.js
   * @param decode - (address): the picture that is there, ready to be drawn
   * @param burst - (message): asks for a GPU, for a while; null where none is lent
   * @param frameMs - the world's pace, for held actions and for frames that are there already
   * @param on - { show(session), say(sentence), wait(isWaiting), preview(frame) }: what the page does
   */
  constructor({ ask, decode, burst, frameMs, on }) {
    Object.assign(this, { ask, decode, burst, frameMs, on });
    this.session = null;
    this.taps = []; // { action, roll, parent }
    this.held = []; // actions, the latest last
    this.steps = []; // on their way: { frame, held, cancelled }
    this.arrivals = Promise.resolve(); // one after the other
    this.tip = 0; // the frame that the next step starts from
    this.maxInFlight = MIN_IN_FLIGHT;
    this.latency = new Latency();
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
      const reply = await this.ask("start", { ...source, seed, steps, leave: this.session?.token });
      const picture = await this.decode(reply.image);
      if (turn !== this.begun) return;
      this.cancel();
      this.forgetSteps();
      this.session = new Session(reply.world, picture, start);
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
    const index = this.held.lastIndexOf(action);
    if (index < 0) return;
    this.held.splice(index, 1); // another key may hold it too
    if (this.held.length) return;
    for (const step of [...this.steps].reverse()) {
      if (!step.held) break;
      step.cancelled = true;
    }
    this.moveTip();
  }

  letGo() {
    for (const action of [...this.held]) this.release(action);
  }

  get busy() {
    return this.taps.length + this.held.length + this.steps.filter((step) => !step.cancelled).length > 0;
  }

  /** What the last world was started with. */
  get start() {
    return this.session?.start;
  }

  // Time

  undo() {
    if (this.session?.current) this.jump(this.session.frame.parent);
  }

  redo() {
    if (this.session && this.session.frame.next !== null) this.jump(this.session.frame.next);
  }

  reset() {
    if (this.session && !this.session.expired) this.jump(0);
    else if (this.start) this.begin(this.start);
  }

  jump(number) {
    this.cancel();
    this.show(number);
  }

  /** Another sample of the frame on the screen. */
  reroll() {
    if (!this.session?.current) return;
    const { parent, action } = this.session.frame;
    const samples = this.session.childrenOf(parent).filter((frame) => frame.action === action);
    this.tap(action, 1 + Math.max(...samples.map((frame) => frame.roll)), parent);
  }

  // Inside

  cancel() {
    this.taps = [];
    this.held = [];
    for (const step of this.steps) step.cancelled = true;
    this.moveTip();
  }

  /** Those of the last world: whether they ever come does not matter to the next. */
  forgetSteps() {
    this.steps = [];
    this.arrivals = Promise.resolve();
    this.failure = null;
  }

  /** The next step starts from the last frame that will be shown. */
  moveTip() {
    const coming = this.steps.filter((step) => !step.cancelled);
    this.tip = coming.length ? coming.at(-1).frame.number : this.session?.current ?? 0;
  }

  show(number) {
    this.session.goTo(number);
    this.moveTip();
    this.on.show(this.session);
    this.lookAhead();
  }

  /** Asks for previews after a while without a step. */
  lookAhead() {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.preview(), IDLE_MS);
  }

  /** Takes as many steps as may be on their way. */
  pump() {
    while (this.session && !this.failure && this.steps.length < this.maxInFlight) {
      const next = this.taps.shift() ?? (this.held.length ? { action: this.held.at(-1), roll: 0, held: true } : null);
      if (!next) return;
      this.take(next);
    }
  }

  take({ action, roll, parent, held = false }) {
    const { session } = this;
    const from = parent ?? this.tip;
    const frame = session.child(from, action, roll) ?? session.add(from, action, roll);
    const known = frame.picture !== null;
    if (!known && !frame.arriving) {
      frame.arriving = this.fetch(session, frame);
      frame.arriving.catch(() => {}); // heard below
    }
    const step = { frame, held, cancelled: false };
    this.steps.push(step);
    this.moveTip();
    this.arrivals = this.arrivals
      .then(() => frame.arriving)
      .then(() => (held || known) && this.keepPace(step))
      .then(() => this.arrive(session, step), (error) => this.fail(session, step, error));
  }

  /** Waits until the next frame is due, or the step is cancelled. */
  async keepPace(step) {
    while (!step.cancelled && performance.now() < this.due) await pause(Math.min(10, this.frameMs));
  }

  async fetch(session, frame) {
    const { number, parent, action, roll } = frame;
    const asked = performance.now();
    if (this.burst && this.steps.length === 0) this.burst({ world: session.token });
    const reply = await this.ask("step", { world: session.token, frame: number, parent, action, roll });
    frame.picture = await this.decode(reply.image);
    const total = performance.now() - asked;
    this.latency.total = total;
    const travel = total - reply.ms;
    const wanted = 1 + Math.ceil((1.25 * travel) / reply.model_ms); // while one is made, the others travel; with some slack
    this.maxInFlight = Math.min(Math.max(wanted, MIN_IN_FLIGHT), MAX_IN_FLIGHT);
  }

  arrive(session, step) {
    if (session !== this.session) return;
    this.steps = this.steps.filter((other) => other !== step);
    if (!step.cancelled) {
      this.latency.noteShown(performance.now());
      this.due = performance.now() + this.frameMs;
      this.show(step.frame.number);
    } else {
      this.lookAhead(); // a preview gives way to a step on the server, shown or not
    }
    this.recover();
    this.pump();
  }

  fail(session, step, error) {
    if (session !== this.session) return;
    this.steps = this.steps.filter((other) => other !== step);
    if (!this.failure) {
      const lost = [step, ...this.steps].filter(({ cancelled, held }) => !cancelled && !held);
      this.failure = { session, numFrames: error.num_frames };
      session.expired ||= Boolean(error.expired);
      this.cancel();
      if (error.num_frames === undefined) this.on.say(error.message);
      else this.taps = lost.map(({ frame: { action, roll, parent } }, i) => ({ action, roll, parent: i ? null : parent }));
    }
    this.recover();
    this.pump();
  }

  /** After a failure nothing is asked for until everything on its way has come or failed. */
  recover() {
    if (!this.failure || this.steps.length) return;
    this.failure.session.forgetMissing(this.failure.numFrames);
    this.failure = null;
    this.moveTip();
  }

  async preview() {
    const { session } = this;
    const { frame } = session;
    if (this.busy || session.expired) return;
    try {
      if (!frame.preview) {
        const { sheet } = await this.ask("preview", { world: session.token, frame: frame.number });
        if (!sheet) return;
        frame.preview = await this.decode(sheet);
      }
      if (session === this.session && session.frame === frame) this.on.preview(frame);
    } catch (error) {
      session.expired ||= Boolean(error.expired);
      if (error.expired) this.on.say(error.message);
    }
  }
}
