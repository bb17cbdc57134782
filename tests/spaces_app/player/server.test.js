import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../../../spaces_app/player/server.js";

const NO_ANSWER = { message: "The server did not answer. Check your connection and try again." };

test("a reply comes as it is, to a message that names the world", async () => {
  const ask = connect({ step: async (message) => message }, "caves");
  assert.deepEqual(await ask("step", { frame: 3 }), { frame: 3, model: "caves" });
});

test("a refusal is an error with its sentence, and with what the player goes by", async () => {
  const ask = connect({ step: async () => ({ error: "This world has expired.", expired: true }) });
  await assert.rejects(ask("step", {}), { message: "This world has expired.", expired: true });
});

test("no answer is an error that says what to do", async (context) => {
  context.mock.method(console, "warn", () => {});
  const ask = connect({ empty: async () => null, lost: () => Promise.reject(new TypeError("failed to fetch")) });
  for (const name of ["empty", "lost", "unknown"]) await assert.rejects(ask(name, {}), NO_ANSWER);
});

test("a step or a preview that never comes is no answer after twice the time that the server takes", async (context) => {
  context.mock.method(console, "warn", () => {});
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const never = () => new Promise(() => {});
  const ask = connect({ step: never, preview: never, start: never, export: never });
  const failed = [];
  for (const name of ["step", "preview", "start", "export"]) ask(name, {}).catch(({ message }) => failed.push([name, message]));
  context.mock.timers.tick(19_999);
  await new Promise(setImmediate);
  assert.deepEqual(failed, []);
  context.mock.timers.tick(1);
  await new Promise(setImmediate);
  assert.deepEqual(failed, [["step", NO_ANSWER.message], ["preview", NO_ANSWER.message]]);
  context.mock.timers.tick(600_000); // a start may wait for a world to be loaded, and a film takes its time
  await new Promise(setImmediate);
  assert.equal(failed.length, 2);
});
