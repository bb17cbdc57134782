// The frames on the way here and on from here, which of them the model still sees, and where the way divides.

function stripItem(player, frame) {
  const picture = make("img", { src: frame.picture.src, alt: "", draggable: "false" });
  const button = make("button", { type: "button", onclick: () => player.jump(frame.number) }, picture);
  return make("li", { "data-number": frame.number }, button);
}

let drawn = []; // numbers of the frames in the strip
let drawnOf = null; // their world

function showStrip(player, world) {
  const strip = $(".strip");
  const line = world.line();
  const numbers = line.map((frame) => frame.number);
  const shared = drawnOf === world ? numbers.findIndex((number, i) => number !== drawn[i]) : 0;
  const kept = shared < 0 ? numbers.length : shared;
  while (strip.children.length > kept) strip.lastChild.remove();
  for (const frame of line.slice(kept)) strip.append(stripItem(player, frame));
  [drawn, drawnOf] = [numbers, world];

  const here = world.frame.depth;
  for (const [i, frame] of line.entries()) {
    const item = strip.children[i];
    item.classList.toggle("here", i === here);
    item.classList.toggle("seen", i <= here && i > here - (config.memory - 1));
    item.classList.toggle("ahead", i > here);
    item.classList.toggle("marked", Boolean(frame.marked));
    const button = item.firstChild;
    const action = frame.action === null ? "the start" : `action ${frame.action + 1}`;
    button.setAttribute("aria-label", `Frame ${i}, ${action}${frame.marked ? ", marked" : ""}`);
    button.title = frame.action === null ? "The start" : `Frame ${i}: action ${frame.action + 1}${frame.roll ? `, roll ${frame.roll}` : ""}`;
    if (i === here) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    showFork(player, world, item, frame);
  }
  const current = strip.children[here];
  const out = current.offsetLeft + current.offsetWidth - strip.scrollLeft > strip.clientWidth || current.offsetLeft < strip.scrollLeft;
  if (out) strip.scrollLeft = current.offsetLeft + current.offsetWidth - strip.clientWidth;
}

/** Where more than one way goes on from a frame, a button that turns to the next. */
function showFork(player, world, item, frame) {
  const ways = frame.children.filter((number) => world.frames[number].shown);
  const fork = item.querySelector(".fork");
  if (ways.length < 2) return fork?.remove();
  if (fork) {
    fork.textContent = ways.length;
    return;
  }
  const turn = () => {
    const shown = frame.children.filter((number) => world.frames[number].shown);
    player.jump(shown[(shown.indexOf(frame.next) + 1) % shown.length]);
  };
  item.append(make("button", { type: "button", class: "fork", title: "Another branch", "aria-label": `Another branch after frame ${frame.depth}`, onclick: turn }, String(ways.length)));
}

function showMarks(player, world) {
  const marked = world.frames.filter((frame) => frame.marked);
  $(".marks").replaceChildren(
    ...marked.map((frame) =>
      make("button", { type: "button", class: "chip", onclick: () => player.jump(frame.number) }, `★ frame ${frame.depth}`),
    ),
  );
}

function toggleMark(player) {
  const { world } = player;
  if (!world) return;
  world.frame.marked = !world.frame.marked;
  showStrip(player, world);
  showMarks(player, world);
  say(world.frame.marked ? `Frame ${world.frame.depth} is marked: come back to it and take another way.` : "The mark is gone.");
}
