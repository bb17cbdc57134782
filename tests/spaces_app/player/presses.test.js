import assert from "node:assert/strict";
import { test } from "node:test";

import { Presses } from "../../../spaces_app/player/presses.js";

/** Presses, and all that they do, in order. */
function record({ mayHold = true } = {}) {
  const done = [];
  const note = (what) => (action) => done.push(action === undefined ? what : `${what} ${action}`);
  const player = { tap: note("tap"), hold: note("hold"), release: note("release"), letGo: note("let go") };
  const mark = (action, isPressed) => done.push(`${isPressed ? "mark" : "unmark"} ${action}`);
  return { done, presses: new Presses(player, { mark, mayHold: () => mayHold }) };
}

const afterAHold = () => new Promise((done) => setTimeout(done, 250));

test("a press that is short is one tap", async () => {
  const { done, presses } = record();
  presses.press("KeyA", 3);
  presses.release("KeyA");
  await afterAHold();
  assert.deepEqual(done, ["mark 3", "tap 3", "unmark 3"]);
});

test("a press that lasts goes on until it is released, however often its key is said to be pressed", async () => {
  const { done, presses } = record();
  for (let repeat = 0; repeat < 3; repeat++) presses.press("KeyA", 3);
  await afterAHold();
  presses.release("KeyA");
  presses.release("KeyA");
  assert.deepEqual(done, ["mark 3", "tap 3", "hold 3", "unmark 3", "release 3"]);
});

test("where motion is not wanted no press goes on", async () => {
  const { done, presses } = record({ mayHold: false });
  presses.press("KeyA", 3);
  await afterAHold();
  assert.deepEqual(done, ["mark 3", "tap 3"]);
});

test("what steers nowhere presses nothing", () => {
  const { done, presses } = record();
  presses.press("stick", undefined);
  presses.release("stick");
  assert.deepEqual(done, []);
});

test("a short press of an action that another key holds ends neither the hold nor its mark", async () => {
  const { done, presses } = record();
  presses.press("Digit6", 5);
  await afterAHold();
  presses.press("ArrowRight", 5);
  presses.release("ArrowRight");
  assert.deepEqual(done.slice(2), ["hold 5", "mark 5", "tap 5"]);
  presses.release("Digit6");
  assert.deepEqual(done.slice(5), ["unmark 5", "release 5"]);
});

test("two keys are apart, and all can be released at once", async () => {
  const { done, presses } = record();
  presses.press("KeyA", 3);
  presses.press("pad left", 4);
  await afterAHold();
  presses.releaseAll();
  assert.deepEqual(done.slice(6), ["unmark 3", "release 3", "unmark 4", "release 4", "let go"]);
});
