// A button for each action: its key, what the legend says of it, and what it would do now.

const ARROWS = { left: "←", right: "→", up: "↑", down: "↓", none: "·" };
const SURE = 0.6; // share of starts in which an action must do the same to be called by it
const ALIKE = 40; // of 765: how far a pixel may be from the middle of all actions and count as the same
const NAMES_KEY = `genie:${config.model}:names`;

const legend = (config.legend ?? []).map((entry) => ({ ...entry, sure: entry.consistency >= SURE }));

function storedNames() {
  try {
    return JSON.parse(localStorage.getItem(NAMES_KEY)) ?? {};
  } catch {
    return {}; // a browser may forbid a page in a frame to store anything
  }
}

function storeName(action, name) {
  names[action] = name;
  try {
    localStorage.setItem(NAMES_KEY, JSON.stringify(names));
  } catch {
    say("This browser keeps no names for this page: they are gone when you leave.");
  }
}

const names = storedNames();

/** The player's own name for an action, or the game's for the button that it stands for. */
const actionName = (action) => names[action] || config.names?.[action] || "";

/** What the legend says: an arrow and how often it was right. */
function meaning(action) {
  const entry = legend[action];
  if (!entry) return { arrow: "", words: "" };
  if (!entry.sure) return { arrow: "", words: "varies" };
  return { arrow: ARROWS[entry.direction], words: `${Math.round(100 * entry.consistency)} %` };
}

function labelButton(button, action) {
  const { arrow, words } = meaning(action);
  const does = legend[action]?.sure ? `, ${legend[action].direction === "none" ? "stays" : legend[action].direction}` : "";
  button.setAttribute("aria-label", `Action ${action + 1}${actionName(action) ? `, ${actionName(action)}` : does}`);
  button.title = legend[action]
    ? `In ${Math.round(100 * legend[action].consistency)} % of ${config.starts} starts: ` +
      (legend[action].direction === "none" ? "nothing moves" : `moves ${legend[action].direction}`)
    : "";
  button.querySelector(".arrow").textContent = arrow;
  button.querySelector(".name").textContent = actionName(action) || words;
}

function prepareActions(keysOf) {
  for (let action = 0; action < config.actions; action++) {
    const picture = make("canvas", { width: config.size[1], height: config.size[0], "aria-hidden": "true" });
    const caps = keysOf(action).map((key) => make("kbd", {}, key));
    const button = make(
      "button",
      { type: "button", class: "action", "data-action": action },
      picture,
      make("span", { class: "arrow", "aria-hidden": "true" }),
      make("span", { class: "caps", "aria-hidden": "true" }, ...caps),
      make("span", { class: "name", "aria-hidden": "true" }),
    );
    const field = make("input", { type: "text", maxlength: 16, "aria-label": `Name of action ${action + 1}`, hidden: true });
    field.value = names[action] ?? "";
    field.addEventListener("change", () => {
      storeName(action, field.value.trim());
      labelButton(button, action);
    });
    field.addEventListener("keydown", (event) => event.key === "Enter" && renameActions());
    labelButton(button, action);
    $(".actions").append(make("div", { class: "slot" }, button, field));
  }
}

function renameActions() {
  const button = $("[data-tool=rename]");
  const renaming = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", renaming);
  for (const field of all(".slot input")) field.hidden = !renaming;
  if (renaming) $(".slot input").focus();
  else view.focus({ preventScroll: true });
}

/** Shows the next frame of each action, dim where all actions agree: what is bright is what this one would change. */
function showPreviews(frame) {
  const [height, width] = config.size;
  const count = config.actions;
  const sheet = make("canvas", { width: width * count, height });
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.drawImage(frame.preview, 0, 0);
  const pictures = Array.from({ length: count }, (_, action) => pen.getImageData(action * width, 0, width, height));
  const middle = new Float32Array(4 * width * height);
  for (let i = 0; i < middle.length; i++) {
    const values = pictures.map((picture) => picture.data[i]).sort((a, b) => a - b);
    middle[i] = values[count >> 1];
  }
  pictures.forEach((picture, action) => {
    const { data } = picture;
    for (let i = 0; i < data.length; i += 4) {
      const apart = [0, 1, 2].reduce((sum, c) => sum + Math.abs(data[i + c] - middle[i + c]), 0);
      if (apart >= ALIKE) continue;
      const grey = 0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2];
      for (let c = 0; c < 3; c++) data[i + c] = 0.45 * (0.6 * grey + 0.4 * data[i + c]) + 45;
    }
    all(".action canvas")[action].getContext("2d").putImageData(picture, 0, 0);
  });
  $(".actions").classList.add("fresh");
}

function stalePreviews() {
  $(".actions").classList.remove("fresh");
}
