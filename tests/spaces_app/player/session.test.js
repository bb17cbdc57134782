import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../../spaces_app/player/session.js";

/** A session with frames that have come, each given as [parent, action]. */
function sessionOf(...steps) {
  const session = new Session("token", "picture 0", {});
  for (const [parent, action] of steps) {
    const frame = session.add(parent, action, 0);
    frame.picture = `picture ${frame.number}`;
    session.goTo(frame.number);
  }
  return session;
}

const numbers = (frames) => frames.map((frame) => frame.number);

test("a step from an older frame is a branch, and redo follows the one that was shown last", () => {
  const session = sessionOf([0, 1], [1, 2], [0, 3], [3, 4]);
  assert.deepEqual(numbers(session.path()), [0, 3, 4]);
  session.goTo(0);
  assert.deepEqual(numbers(session.line()), [0, 3, 4]);
  session.goTo(2);
  assert.deepEqual(numbers(session.path()), [0, 1, 2]);
  assert.equal(session.frame.depth, 2);
});

test("a child is known by its action and its roll", () => {
  const session = sessionOf([0, 1]);
  const rolled = session.add(0, 1, 1);
  assert.equal(session.child(0, 1, 0).number, 1);
  assert.equal(session.child(0, 1, 1), rolled);
  assert.equal(session.child(0, 2, 0), undefined);
});

test("frames that never came are forgotten, with those that would have followed", () => {
  const session = sessionOf([0, 1]);
  const missing = session.add(1, 2, 0);
  session.add(missing.number, 3, 0);
  session.forgetMissing();
  assert.equal(session.frames.length, 2);
  assert.deepEqual(session.frames[1].children, []);
  assert.equal(session.add(1, 2, 0).number, 2);
});

test("a frame that came after a missing one keeps its number and leads nowhere", () => {
  const session = sessionOf([0, 1]);
  session.add(1, 2, 0);
  session.add(2, 3, 0).picture = "picture 3";
  session.forgetMissing();
  assert.equal(session.frames.length, 4);
  assert.equal(session.child(1, 2, 0), undefined);
  assert.equal(session.add(1, 2, 0).number, 4);
});

test("room is left for frames that the server has made and the page never saw", () => {
  const session = sessionOf([0, 1]);
  session.forgetMissing(5);
  assert.equal(session.add(1, 0, 0).number, 5);
});
