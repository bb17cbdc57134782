import assert from "node:assert/strict";
import { test } from "node:test";

import { Latency } from "../../../spaces_app/player/latency.js";

test("the rate is that of the last frames, and there is none for too few", () => {
  const latency = new Latency();
  assert.equal(latency.rate(0), null);
  for (const time of [0, 100, 10_000, 10_050]) latency.noteShown(time);
  assert.equal(latency.rate(10_100), null);
  latency.noteShown(10_100);
  assert.equal(latency.rate(10_100), 20);
  assert.equal(latency.rate(20_000), null);
});
