import assert from "node:assert/strict";
import { test } from "node:test";

import { Legend } from "../../../spaces_app/player/legend.js";

const legend = new Legend({
  legend: [
    { direction: "left", consistency: 0.9 },
    { direction: "none", consistency: 0.6 },
    { direction: "up", consistency: 0.59 },
  ],
  starts: 200,
});

test("a sure action is called by where it leads, an unsure one is not", () => {
  assert.deepEqual([0, 1, 2].map((action) => legend.inAWord(action)), ["left", "stays", ""]);
  assert.deepEqual(legend.shortly(0), { arrow: "←", words: "90 %" });
  assert.deepEqual(legend.shortly(1), { arrow: "·", words: "60 %" });
  assert.deepEqual(legend.shortly(2), { arrow: "", words: "varies" });
});

test("the whole sentence says how often it was so", () => {
  assert.equal(legend.inASentence(0), "In 90 % of 200 starts: moves left");
  assert.equal(legend.inASentence(1), "In 60 % of 200 starts: nothing moves");
});

test("of an action that was not measured nothing is said", () => {
  assert.deepEqual([legend.inAWord(7), legend.inASentence(7), legend.shortly(7).words], ["", "", ""]);
  assert.deepEqual(new Legend({}).actionsThatGo("left"), []);
});
