import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Names } from "../../../spaces_app/player/names.js";

/** What a browser has as `localStorage`. */
function storeIn(map) {
  const storage = { getItem: (key) => map.get(key) ?? null, setItem: (key, value) => map.set(key, value) };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true, writable: true });
}

afterEach(() => delete globalThis.localStorage);

test("a name of the player's own is kept for this world and goes before the game's", () => {
  storeIn(new Map());
  const names = new Names("cave", ["left", "jump"]);
  assert.ok(names.give(1, "hop"));
  assert.deepEqual([0, 1, 2].map((action) => names.of(action)), ["left", "hop", ""]);
  assert.equal(new Names("cave").of(1), "hop");
  assert.equal(new Names("another").of(1), "");
});

test("a name that is taken away gives its place back", () => {
  storeIn(new Map());
  const names = new Names("cave", ["left"]);
  names.give(0, "west");
  names.give(0, "");
  assert.equal(names.of(0), "left");
});

test("where the browser keeps nothing a name lasts as long as the page, and that is known", () => {
  const refuse = () => { throw new Error("forbidden"); };
  Object.defineProperty(globalThis, "localStorage", { get: refuse, configurable: true });
  const names = new Names("cave");
  assert.equal(names.give(0, "hop"), false);
  assert.equal(names.of(0), "hop");
});
