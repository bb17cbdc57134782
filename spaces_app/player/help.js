// The keys, in words.

import { DIRECTIONS } from "./bindings.js";
import { make } from "./page.js";

export function prepareHelp(page, config, bindings) {
  const steered = DIRECTIONS.filter((direction) => bindings.steering(direction) !== undefined);
  const others = DIRECTIONS.filter((direction) => !steered.includes(direction));
  const rows = [
    [`1 to ${Math.min(config.actions, 9)}`, "the actions: a tap is one frame, held down they go on"],
    ...steered.map((direction) => [bindings.caps(bindings.steering(direction)).slice(1).join(" "), `most often ${direction}`]),
    ...(others.length && config.legend.length
      ? [["Other arrows", `do nothing: no action of this world is sure to go ${others.join(" or ")}`]]
      : []),
    ["Z, Y", "undo, redo"],
    ["X", "another sample of this frame"],
    ["B", "mark this frame"],
    ["R", "back to the start"],
    ["G", "save a GIF"],
    ["Touch", "hold an action's button, or drag on the picture to steer"],
    ["Gamepad", "the D-pad steers"],
  ];
  page.find(".help dl").append(...rows.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)]));
}
