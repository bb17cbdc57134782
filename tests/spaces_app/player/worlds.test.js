import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, chosenWorld } from "../../../spaces_app/player/worlds.js";

const names = ["caves", "me/hills & sea"];

test("the address chooses the world, without one it is the first", () => {
  assert.deepEqual(chosenWorld("", names), { name: "caves", complaint: "" });
  assert.equal(chosenWorld(addressOf("me/hills & sea", ""), names).name, "me/hills & sea");
});

test("of a world that is not there the page says so, and plays the first", () => {
  const { name, complaint } = chosenWorld("?world=moon", names);
  assert.equal(name, "caves");
  assert.equal(complaint, "The link names a world that this page does not have. Choose one here.");
});

test("another world begins at its start, in the page as the visitor has it", () => {
  const query = new URLSearchParams(addressOf("caves", "?__theme=dark&world=me&w=start&a=12&s=3&n=4"));
  assert.deepEqual(Object.fromEntries(query), { __theme: "dark", world: "caves" });
});
