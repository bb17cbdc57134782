// A link that plays a world again: its start, and the actions since.

const MAX_SEED = 2 ** 31 - 1;

/** Actions as one character each, with a dot for each roll after the first: `22.4` re-rolled the second 2 once.
 *  `world` is its name, where the page has others too. */
export function replayLink(session, address, world = null) {
  const { source, seed, steps } = session.start;
  const actions = session.path().slice(1).map((frame) => frame.action.toString(36) + ".".repeat(frame.roll));
  const query = { ...(world && { world }), w: source.gallery, a: actions.join(""), s: seed, n: steps };
  return `${address}?${new URLSearchParams(query)}`;
}

/**
 * What the page's address asks for: a start and the taps to play, or null.
 *
 * @throws Error with a sentence, for a link that asks for what this page does not have.
 */
export function readLink(search, config) {
  const query = new URLSearchParams(search);
  const gallery = query.get("w");
  if (!gallery) return null;
  if (!config.gallery.some((entry) => entry.name === gallery)) {
    throw new Error("The link names a picture that this page does not have. Choose one here.");
  }
  const seed = readNumber(query, "s", 0, MAX_SEED, 0);
  const steps = readNumber(query, "n", 1, config.max_steps, config.steps);
  return { start: { source: { gallery }, seed, steps }, taps: readTaps(query.get("a") ?? "", config) };
}

function readNumber(query, name, min, max, fallback) {
  const text = query.get(name) ?? String(fallback);
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  throw new Error(`The link has ${name}=${text.slice(0, 20)}, which is not from ${min} to ${max}.`);
}

function readTaps(text, config) {
  const taps = [];
  for (const character of text.slice(0, 10 * config.max_frames)) {
    if (character === "." && taps.length) taps.at(-1).roll++;
    else taps.push({ action: parseInt(character, 36), roll: 0 });
  }
  if (taps.some(({ action }) => !(action < config.actions)) || taps.length >= config.max_frames) {
    throw new Error(`The link's actions are not of this world, which has ${config.actions}.`);
  }
  return taps;
}
