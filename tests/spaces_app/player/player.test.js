import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Player } from "../../../spaces_app/player/player.js";

const START = { source: { gallery: "cave" }, seed: 1, steps: 4 };
const players = [];

/** All that is due without waiting has happened. */
const settled = () => new Promise((done) => setTimeout(done, 30));

/** A player, what is asked of its server, and what its page is told. */
function newPlayer({ burst = null } = {}) {
  const asked = [], shown = [], said = [], previewed = [];
  const ask = (name, message) => new Promise((reply, refuse) => asked.push({ name, message, reply, refuse }));
  const on = {
    show: (session) => shown.push(session.current),
    say: (sentence) => said.push(sentence),
    preview: (frame) => previewed.push(frame.number),
    wait: () => {},
  };
  const player = new Player({ ask, decode: async (address) => ({ src: address }), burst, frameMs: 1, on });
  players.push(player);
  return { player, asked, shown, said, previewed, steps: () => asked.filter(({ name }) => name === "step") };
}

afterEach(() => players.splice(0).forEach((player) => clearTimeout(player.idle)));

/** The same in a world that has begun. */
async function playing(options) {
  const all = newPlayer(options);
  all.player.begin(START);
  all.asked[0].reply({ world: "token", frame: 0, image: "0" });
  await settled();
  all.asked.length = 0;
  all.said.length = 0;
  return all;
}

const answer = (step, times = {}) =>
  step.reply({ frame: step.message.frame, image: String(step.message.frame), ms: 1, model_ms: 1000, ...times });

function refuse(step, sentence, details = {}) {
  step.refuse(Object.assign(new Error(sentence), details));
}

test("frames are shown in their order, even where replies overtake one another", async () => {
  const { player, shown, steps } = await playing();
  player.tap(3);
  player.tap(5);
  assert.deepEqual(steps().map(({ message }) => [message.frame, message.parent, message.action]), [[1, 0, 3], [2, 1, 5]]);
  answer(steps()[1]);
  await settled();
  assert.deepEqual(shown, [0]);
  answer(steps()[0]);
  await settled();
  assert.deepEqual(shown, [0, 1, 2]);
});

test("the first frame of a step that was taken before comes from here", async () => {
  const { player, shown, steps } = await playing();
  player.tap(3);
  answer(steps()[0]);
  await settled();
  player.undo();
  player.tap(3);
  await settled();
  assert.deepEqual(shown, [0, 1, 0, 1]);
  assert.equal(steps().length, 1);
});

test("after a release nothing more is shown, and what comes late is kept", async () => {
  const { player, shown, steps } = await playing();
  player.hold(2);
  assert.equal(steps().length, 2);
  player.release(2);
  steps().forEach((step) => answer(step));
  await settled();
  assert.deepEqual(shown, [0]);
  player.tap(2);
  await settled();
  assert.deepEqual(shown, [0, 1]);
  assert.equal(steps().length, 2);
});

test("of two held actions the later one plays, and the first again after it", async () => {
  const { player, steps } = await playing();
  player.hold(1);
  player.hold(2);
  answer(steps()[0]);
  await settled();
  assert.equal(steps().at(-1).message.action, 2);
  player.release(2);
  answer(steps()[1]);
  await settled();
  assert.equal(steps().at(-1).message.action, 1);
});

test("an action that two keys hold plays on while one of them is down", async () => {
  const { player, steps } = await playing();
  player.hold(1);
  player.hold(1);
  player.release(1);
  answer(steps()[0]);
  await settled();
  assert.deepEqual(steps().map(({ message }) => message.action), [1, 1, 1]);
  player.release(1);
  steps().slice(1).forEach((step) => answer(step));
  await settled();
  assert.equal(steps().length, 3);
});

test("more steps are on their way where the way is longer than the work", async () => {
  const { player, steps } = await playing();
  player.hold(1);
  answer(steps()[0], { ms: 0, model_ms: 1e-6 });
  await settled();
  assert.equal(steps().length - 1, 4);
});

test("a jump leaves the steps on their way behind", async () => {
  const { player, shown, steps } = await playing();
  player.tap(1);
  answer(steps()[0]);
  await settled();
  player.tap(2);
  player.jump(0);
  answer(steps()[1]);
  await settled();
  assert.deepEqual(shown, [0, 1, 0]);
  player.tap(7);
  assert.equal(steps()[2].message.parent, 0);
});

test("another roll is another sample of the same step", async () => {
  const { player, steps } = await playing();
  player.tap(3);
  answer(steps()[0]);
  await settled();
  for (const roll of [1, 2]) {
    player.reroll();
    assert.deepEqual({ ...steps()[roll].message, frame: 0 }, { world: "token", frame: 0, parent: 0, action: 3, roll });
    answer(steps()[roll]);
    await settled();
  }
});

test("a step that is lost is said once, and can be taken again under the same number", async () => {
  const { player, said, shown, steps } = await playing();
  player.tap(3);
  player.tap(5);
  refuse(steps()[0], "Lost.");
  player.tap(6); // waits until all on their way have come or failed
  assert.equal(steps().length, 2);
  refuse(steps()[1], "Lost, too.");
  await settled();
  assert.deepEqual(said, ["Lost."]);
  player.cancel();
  player.tap(3);
  assert.deepEqual([steps().at(-1).message.frame, steps().at(-1).message.parent], [1, 0]);
  assert.deepEqual(shown, [0]);
});

test("where the server has made frames that the page never saw, the taps are asked for after them", async () => {
  const { player, said, shown, steps } = await playing();
  player.tap(3);
  player.tap(5);
  refuse(steps()[0], "Frame 1 is made already.", { num_frames: 4 });
  refuse(steps()[1], "A step before this one was lost.");
  await settled();
  assert.deepEqual(steps().slice(2).map(({ message }) => [message.frame, message.parent, message.action]), [[4, 0, 3], [5, 4, 5]]);
  steps().slice(2).forEach((step) => answer(step));
  await settled();
  assert.deepEqual([shown, said], [[0, 4, 5], []]);
});

test("reset goes to the first frame, and begins again where the world has expired", async () => {
  const { player, asked, said, shown, steps } = await playing();
  player.tap(3);
  answer(steps()[0]);
  await settled();
  player.reset();
  assert.deepEqual(shown, [0, 1, 0]);
  player.tap(4);
  refuse(steps()[1], "This world has expired.", { expired: true });
  await settled();
  assert.deepEqual(said, ["This world has expired."]);
  player.reset();
  const { name, message } = asked.at(-1);
  assert.deepEqual([name, message], ["start", { gallery: "cave", seed: 1, steps: 4, leave: "token" }]);
});

test("of two worlds that are started the later one counts", async () => {
  const { player, asked, shown } = newPlayer();
  player.begin(START);
  player.begin({ ...START, seed: 2 });
  asked[1].reply({ world: "second", frame: 0, image: "0" });
  await settled();
  asked[0].reply({ world: "first", frame: 0, image: "0" });
  await settled();
  assert.equal(player.session.token, "second");
  assert.deepEqual(shown, [0]);
});

test("what the last world never answered, or lost, does not hold up the next", async () => {
  const bursts = [];
  const { player, asked, shown, said, steps } = await playing({ burst: (message) => bursts.push(message.world) });
  player.tap(3);
  player.tap(5);
  refuse(steps()[1], "Lost.");
  player.begin({ ...START, seed: 2 });
  asked.at(-1).reply({ world: "second", frame: 0, image: "0" });
  await settled();
  player.tap(4);
  player.tap(6);
  steps().slice(2).forEach((step) => answer(step));
  await settled();
  assert.deepEqual([shown, bursts], [[0, 0, 1, 2], ["token", "second"]]);
  player.tap(7);
  refuse(steps()[0], "Lost, too."); // in the last world
  await settled();
  answer(steps()[4]);
  await settled();
  assert.deepEqual([shown.at(-1), said], [3, ["Starting…", ""]]);
});

test("a world begins with the taps of its link", async () => {
  const { player, asked, steps } = newPlayer();
  player.begin(START, [{ action: 2, roll: 0 }, { action: 4, roll: 1 }]);
  asked[0].reply({ world: "token", frame: 0, image: "0" });
  await settled();
  assert.deepEqual(steps().map(({ message }) => [message.action, message.roll]), [[2, 0], [4, 1]]);
});

test("a GPU that is lent is asked for when play begins, and not for each step", async () => {
  const bursts = [];
  const { player, steps } = await playing({ burst: (message) => bursts.push(message) });
  player.tap(1);
  player.tap(2);
  assert.deepEqual(bursts, [{ world: "token" }]);
  steps().forEach((step) => answer(step));
  await settled();
  player.tap(3);
  assert.equal(bursts.length, 2);
});

test("previews are asked for at rest, once for each frame, and shown where the player still is", async () => {
  const { player, asked, previewed } = await playing();
  const rest = () => new Promise((done) => setTimeout(done, 300));
  await rest();
  assert.deepEqual(asked.map(({ name, message }) => [name, message.frame]), [["preview", 0]]);
  asked[0].reply({ sheet: "sheet" });
  await settled();
  assert.deepEqual(previewed, [0]);
  player.show(0);
  await rest();
  assert.deepEqual([asked.length, previewed], [1, [0, 0]]);

  player.tap(1);
  answer(asked[1]);
  await rest();
  assert.deepEqual([asked[2].name, asked[2].message.frame], ["preview", 1]);
  player.undo();
  asked[2].reply({ sheet: "sheet" });
  await settled();
  assert.deepEqual(previewed, [0, 0]);
});
