// The keys, in words.

import { DIRECTIONS } from "./bindings.js";
import { make } from "./page.js";

const ONE_FRAME = "the actions: a press is one frame however long, as your system asks for less motion";

/** `mayHold` says whether a press may go on. Where it may not, nothing on the page asks to hold a key. */
export function prepareHelp(page, config, bindings, mayHold) {
  const steered = DIRECTIONS.filter((direction) => bindings.steering(direction) !== undefined);
  const others = DIRECTIONS.filter((direction) => !steered.includes(direction));
  const rows = [
    [`1 to ${Math.min(config.actions, 9)}`, mayHold ? "the actions: a tap is one frame, held down they go on" : ONE_FRAME],
    ...steered.map((direction) => [bindings.caps(bindings.steering(direction)).slice(1).join(" "), `most often ${direction}`]),
    ...(others.length && config.legend.length
      ? [["Other arrows", `do nothing: no action of this world is sure to go ${others.join(" or ")}`]]
      : []),
    ["Z, Y", "undo, redo"],
    ["X", "another sample of this frame"],
    ["B", "mark this frame"],
    ["R", "back to the start"],
    ["G", "save a GIF"],
    ["Touch", `${mayHold ? "hold" : "press"} an action's button, or drag on the picture to steer`],
    ["Gamepad", "the D-pad steers"],
  ];
  page.find(".help dl").append(...rows.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)]));
  if (!mayHold) for (const word of page.findAll("[data-still]")) word.textContent = word.dataset.still;
}
