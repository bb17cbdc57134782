import assert from "node:assert/strict";
import { test } from "node:test";

import { Bindings } from "../../../spaces_app/player/bindings.js";
import { Legend } from "../../../spaces_app/player/legend.js";

const entries = [["none", 0.9], ["right", 0.4], ["right", 0.7], ["left", 0.9], ["right", 0.95], ["up", 0.8]];
const legend = new Legend({ legend: entries.map(([direction, consistency]) => ({ direction, consistency })), starts: 200 });
const bindings = new Bindings(6, legend);
const none = new Legend({});

test("numbers are the actions, up to nine", () => {
  const many = new Bindings(12, none);
  assert.deepEqual([many.action("1"), many.action("9"), many.action("0")], [0, 8, undefined]);
});

test("letters and arrows steer where the legend is sure, the surest action first", () => {
  assert.deepEqual(["d", "ArrowRight", "e", "a", "w"].map((key) => bindings.action(key)), [4, 4, 2, 3, 5]);
  assert.equal(bindings.steering("right"), 4);
  for (const key of ["s", "ArrowDown", "q", " "]) assert.ok(!bindings.has(key), key);
});

test("without a legend the game's own names steer", () => {
  const named = new Bindings(4, none, ["left", "", "jump", "right"]);
  assert.deepEqual(["a", "w", "d", "s"].map((key) => named.action(key)), [0, 2, 3, undefined]);
});

test("an action's keys are named as they are printed", () => {
  assert.deepEqual(bindings.caps(4), ["5", "→", "D"]);
  assert.deepEqual(bindings.caps(0), ["1"]);
});

const shortcuts = { z: () => {}, r: () => {} };

for (const [layout, event, key] of [
  ["American", { key: "D", code: "KeyD" }, "d"],
  ["American", { key: "Enter", code: "Enter" }, "Enter"],
  ["French", { key: "&", code: "Digit1" }, "1"],
  ["French", { key: "q", code: "KeyA" }, "a"],
  ["French", { key: "w", code: "KeyZ" }, "w"],
  ["Russian", { key: "я", code: "KeyZ" }, "z"],
  ["Dvorak", { key: "p", code: "KeyR" }, "p"],
  ["no place", { key: "d", code: "" }, "d"],
]) {
  test(`${event.key} in the place of ${event.code} is ${key} (${layout})`, () => {
    assert.equal(bindings.keyOf(event, shortcuts), key);
  });
}
