import assert from "node:assert/strict";
import { test } from "node:test";

import { dimWhatIsCommon } from "../../../spaces_app/player/previews.js";

const pixels = (...colours) => Uint8ClampedArray.from(colours.flatMap((colour) => [...colour, 255]));
const [SKY, GROUND, PLAYER] = [[80, 160, 240], [120, 90, 40], [250, 20, 20]];

test("what only one action changes stays as it is, the rest is dimmed", () => {
  const pictures = [pixels(SKY, GROUND), pixels(SKY, GROUND), pixels(PLAYER, GROUND)];
  dimWhatIsCommon(pictures);
  assert.deepEqual([...pictures[2].slice(0, 4)], [...PLAYER, 255]);
  assert.deepEqual(pictures[0], pictures[1]);
  for (const i of [0, 1, 2, 4, 5, 6]) assert.ok(pictures[0][i] < 140);
  assert.deepEqual(pictures[0].slice(4), pictures[2].slice(4));
  assert.equal(pictures[0][3], 255);
});
