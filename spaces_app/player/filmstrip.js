// The frames on the way here and on from here, which of them the model still sees, and where the way divides.

import { make } from "./page.js";

export class Filmstrip {
  /** @param memory - how many frames the model sees, the new one included */
  constructor(page, player, memory) {
    Object.assign(this, { page, player, memory });
    this.strip = page.find(".strip");
    this.numbers = []; // of the frames in the strip
    this.session = null; // theirs
    page.find(".memory").textContent =
      `The model sees the last ${memory - 1} frames, underlined here; what is older it has forgotten.`;
  }

  show(session) {
    const line = session.line();
    this.lay(session, line);
    const here = session.frame.depth;
    for (const [i, frame] of line.entries()) this.label(this.strip.children[i], frame, i, here);
    this.scrollTo(this.strip.children[here]);
    if (session.current === 0) this.showMarks(session);
  }

  /** Puts an item into the strip for each frame of a line, and leaves those that are there already. */
  lay(session, line) {
    const numbers = line.map((frame) => frame.number);
    const changed = this.session === session ? numbers.findIndex((number, i) => number !== this.numbers[i]) : 0;
    const kept = changed < 0 ? numbers.length : changed;
    while (this.strip.children.length > kept) this.strip.lastChild.remove();
    for (const frame of line.slice(kept)) this.strip.append(this.item(frame));
    Object.assign(this, { numbers, session });
  }

  item(frame) {
    const picture = make("img", { src: frame.picture.src, alt: "", draggable: "false" });
    const jump = () => this.player.jump(frame.number);
    return make("li", { "data-number": frame.number }, make("button", { type: "button", onclick: jump }, picture));
  }

  label(item, frame, i, here) {
    item.classList.toggle("here", i === here);
    item.classList.toggle("seen", i <= here && i > here - (this.memory - 1));
    item.classList.toggle("ahead", i > here);
    item.classList.toggle("marked", Boolean(frame.marked));
    const button = item.firstChild;
    const action = frame.action === null ? "the start" : `action ${frame.action + 1}`;
    button.setAttribute("aria-label", `Frame ${i}, ${action}${frame.marked ? ", marked" : ""}`);
    button.title = frame.action === null ? "The start" : `Frame ${i}: ${action}${frame.roll ? `, roll ${frame.roll}` : ""}`;
    if (i === here) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    this.showFork(item, frame);
  }

  /** Where more than one way goes on from a frame, a button that turns to the next. */
  showFork(item, frame) {
    const { session } = this;
    const ways = () => frame.children.filter((number) => session.frames[number].shown);
    const count = ways().length;
    const fork = item.querySelector(".fork");
    if (count < 2) return fork?.remove();
    if (fork) {
      fork.textContent = count;
      return;
    }
    const turn = () => this.player.jump(ways()[(ways().indexOf(frame.next) + 1) % ways().length]);
    const label = `Another branch after frame ${frame.depth}`;
    const attributes = { type: "button", class: "fork", title: "Another branch", "aria-label": label, onclick: turn };
    item.append(make("button", attributes, String(count)));
  }

  scrollTo(item) {
    const { strip } = this;
    const end = item.offsetLeft + item.offsetWidth;
    const isOut = end - strip.scrollLeft > strip.clientWidth || item.offsetLeft < strip.scrollLeft;
    if (isOut) strip.scrollLeft = end - strip.clientWidth;
  }

  showMarks(session) {
    const chip = ({ number, depth }) =>
      make("button", { type: "button", class: "chip", onclick: () => this.player.jump(number) }, `★ frame ${depth}`);
    this.page.find(".marks").replaceChildren(...session.frames.filter((frame) => frame.marked).map(chip));
  }

  /** Marks the frame on the screen, or takes its mark away. */
  toggleMark() {
    const { session } = this.player;
    if (!session) return;
    const { frame } = session;
    frame.marked = !frame.marked;
    this.show(session);
    this.showMarks(session);
    this.page.say(frame.marked ? `Frame ${frame.depth} is marked: come back to it and take another way.` : "The mark is gone.");
  }
}
