import assert from "node:assert/strict";
import { test } from "node:test";

import { readLink, replayLink } from "../../../spaces_app/player/links.js";
import { Session } from "../../../spaces_app/player/session.js";

const config = { gallery: [{ name: "cave" }, { name: "hills & sea" }], actions: 12, steps: 4, max_steps: 25, max_frames: 9 };

function play(start, steps) {
  const session = new Session("token", "picture", start);
  for (const [action, roll] of steps) session.goTo(session.add(session.current, action, roll).number);
  return session;
}

test("a link has all that it takes to play the same again", () => {
  const start = { source: { gallery: "hills & sea" }, seed: 77, steps: 3 };
  const session = play(start, [[2, 0], [5, 2], [11, 0], [0, 1]]);
  const link = new URL(replayLink(session, "https://page/below/"));
  assert.equal(link.searchParams.get("a"), "25..b0.");
  assert.deepEqual(readLink(link.search, config), {
    start,
    taps: [{ action: 2, roll: 0 }, { action: 5, roll: 2 }, { action: 11, roll: 0 }, { action: 0, roll: 1 }],
  });
});

test("a link names the world where the page has others too", () => {
  const link = new URL(replayLink(play({ source: { gallery: "cave" }, seed: 0, steps: 4 }, []), "https://page/", "me/caves"));
  assert.equal(link.searchParams.get("world"), "me/caves");
});

test("a link leads to the frame on the screen, whatever branches there are", () => {
  const session = play({ source: { gallery: "cave" }, seed: 0, steps: 4 }, [[1, 0], [2, 0]]);
  session.goTo(0);
  session.goTo(session.add(0, 7, 0).number);
  assert.match(replayLink(session, ""), /a=7&/);
});

test("an address that names no picture asks for nothing, and what a link leaves out has a default", () => {
  assert.equal(readLink("", config), null);
  assert.equal(readLink("?a=12&s=3", config), null);
  assert.deepEqual(readLink("?w=cave", config), { start: { source: { gallery: "cave" }, seed: 0, steps: 4 }, taps: [] });
});

for (const [query, sentence] of Object.entries({
  "?w=nothing": "The link names a picture that this page does not have. Choose one here.",
  "?w=cave&a=12c": "The link's actions are not of this world, which has 12.",
  "?w=cave&a=.1": "The link's actions are not of this world, which has 12.",
  "?w=cave&a=1_2": "The link's actions are not of this world, which has 12.",
  "?w=cave&a=123456789": "The link's actions are not of this world, which has 12.",
  "?w=cave&s=-1": "The link has s=-1, which is not from 0 to 2147483647.",
  "?w=cave&s=1e3": "The link has s=1e3, which is not from 0 to 2147483647.",
  "?w=cave&s=99999999999": "The link has s=99999999999, which is not from 0 to 2147483647.",
  "?w=cave&n=26": "The link has n=26, which is not from 1 to 25.",
  "?w=cave&n=": "The link has n=, which is not from 1 to 25.",
})) {
  test(`${query} is refused in a sentence`, () => {
    assert.throws(() => readLink(query, config), { message: sentence });
  });
}

test("a link may have as many actions as a world has room for", () => {
  assert.equal(readLink("?w=cave&a=12345678", config).taps.length, 8);
});
