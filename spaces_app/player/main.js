// Puts the parts together and starts the first world.

import { Actions } from "./actions.js";
import { Bindings } from "./bindings.js";
import { Filmstrip } from "./filmstrip.js";
import { listenToGamepad } from "./gamepad.js";
import { prepareHelp } from "./help.js";
import { listenToButtons, listenToKeys, listenToTouch } from "./input.js";
import { Legend } from "./legend.js";
import { readLink } from "./links.js";
import { Names } from "./names.js";
import { Page } from "./page.js";
import { Player } from "./player.js";
import { Presses } from "./presses.js";
import { preparePrompts } from "./prompts.js";
import { Screen } from "./screen.js";
import { connect } from "./server.js";
import { copyLink, giveWay, saveFilm } from "./share.js";
import { chosenWorld, showWorlds } from "./worlds.js";

const randomSeed = () => Math.floor(Math.random() * 10000);

async function decode(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

/**
 * Brings the page to life.
 *
 * @param element - of the page
 * @param config - `models`, the names of the worlds, and `first`, what the server says of the first, if it is there
 * @param server - Gradio's server functions
 * @param burst - (message): asks for a GPU, for a while
 */
export async function main({ element, config, server, burst }) {
  const page = new Page(element);
  const { models, first } = config;
  const { name, complaint } = chosenWorld(location.search, models);
  const ask = connect(server, name);
  showWorlds(page, models, name, location.search);
  let world = name === models[0] ? first : null;
  if (!world) {
    page.say(`Loading ${name}…`);
    world = await ask("describe", {}).catch((error) => ({ error: error.message }));
  }
  if (world.error) {
    page.say(world.error);
    page.find(".genie").classList.add("broken");
    for (const control of page.findAll("button, input, textarea")) control.disabled = true;
    return;
  }
  play({ page, config: world, ask, burst, complaint, isOneOfMany: models.length > 1 });
}

/** Fills the page with a world; `complaint` is a sentence on the link that led here. */
function play({ page, config, ask, burst, complaint, isOneOfMany }) {
  const legend = new Legend(config);
  const names = new Names(config.model, config.names);
  const bindings = new Bindings(config.actions, legend, config.names);
  const screen = new Screen(page, config.size);
  const actions = new Actions(page, { count: config.actions, size: config.size, legend, names, bindings });
  const player = new Player({
    ask,
    decode,
    burst: config.bursts ? burst : null,
    frameMs: 1000 / config.fps,
    on: {
      say: (sentence) => page.say(sentence),
      show(session) {
        screen.show(session, player.latency);
        actions.stalePreviews();
        filmstrip.show(session);
      },
      wait: (isWaiting) => page.find(".screen").classList.toggle("starting", isWaiting),
      preview: (frame) => actions.showPreviews(frame),
    },
  });
  const filmstrip = new Filmstrip(page, player, config.memory);

  const tools = {
    undo: () => player.undo(),
    redo: () => player.redo(),
    reroll: () => player.reroll(),
    mark: () => filmstrip.toggleMark(),
    reset: () => player.reset(),
    rename: () => actions.rename(),
  };
  const shares = {
    gif: () => saveFilm(page, ask, player.session, "gif"),
    mp4: () => saveFilm(page, ask, player.session, "mp4"),
    give: () => giveWay(page, ask, player.session),
    link: () => copyLink(page, player.session, isOneOfMany ? config.model : null),
  };
  for (const button of page.findAll("[data-tool]")) button.addEventListener("click", tools[button.dataset.tool]);
  for (const button of page.findAll("[data-share]")) button.addEventListener("click", shares[button.dataset.share]);

  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  const mayHold = () => !stillness.matches;
  const presses = new Presses(player, { mark: (action, isPressed) => actions.mark(action, isPressed), mayHold });
  const shortcuts = { z: tools.undo, y: tools.redo, x: tools.reroll, b: tools.mark, r: tools.reset, g: shares.gif };
  listenToKeys(page, presses, bindings, shortcuts);
  listenToButtons(actions.buttons, presses);
  listenToTouch(page, presses, bindings);
  listenToGamepad(presses, bindings, config.actions);
  prepareHelp(page, config, bindings, mayHold());

  const steps = prepareSteps(page, config, player);
  preparePrompts(page, config, (source) => {
    player.begin({ source, seed: randomSeed(), steps: steps.value });
    page.focusView();
  });
  page.find(".give").hidden = !config.collects;
  page.find(".about").textContent =
    `World: ${config.model}, ${config.actions} actions, ${config.size[1]}x${config.size[0]} pixels, on ${config.device}.`;
  startFirstWorld(page, config, player, steps, complaint);
  page.focusView();
}

/** How many MaskGIT steps a frame has; another number starts the world again. */
function prepareSteps(page, config, player) {
  const slider = page.find(".steps");
  const steps = {
    get value() {
      return Number(slider.value);
    },
    set value(value) {
      slider.value = value;
      page.find(".quality output").textContent = slider.value;
    },
  };
  slider.max = config.max_steps;
  steps.value = config.steps;
  slider.addEventListener("input", () => { steps.value = slider.value; });
  slider.addEventListener("change", () => player.start && player.begin({ ...player.start, steps: steps.value }));
  return steps;
}

/** The one of a replay link, or else of the gallery's first picture. */
function startFirstWorld(page, config, player, steps, complaint) {
  let link = null;
  try {
    link = complaint ? null : readLink(location.search, config);
  } catch (error) {
    complaint = error.message;
  }
  if (link) {
    steps.value = link.start.steps;
    player.begin(link.start, link.taps);
  } else if (config.gallery.length) {
    const begun = player.begin({ source: { gallery: config.gallery[0].name }, seed: randomSeed(), steps: config.steps });
    if (complaint) begun.then(() => page.say(complaint));
  } else {
    page.say(complaint || "Choose a picture to start.");
  }
}
