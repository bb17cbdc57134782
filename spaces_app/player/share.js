// Films of the way here, and a link that plays it again.

function download(content, kind) {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const address = URL.createObjectURL(new Blob([bytes], { type: kind === "gif" ? "image/gif" : "video/mp4" }));
  make("a", { href: address, download: `genie.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function saveFilm(player, kind) {
  const { world } = player;
  if (!world) return;
  say("Making the film…");
  try {
    const keys = $(".burn").checked;
    const { file, note } = await call("export", { world: world.token, frame: world.at, kind, keys });
    download(file, kind);
    say(`Saved ${world.frame.depth + 1} frames as genie.${kind}. ${note}`);
  } catch (error) {
    say(error.message);
  }
}

/** Actions as one character each, with a dot for each roll after the first: `22.4` re-rolled the second 2 once. */
function replayLink(world) {
  const { source, seed, steps } = world.start;
  const actions = world.path().slice(1).map((frame) => frame.action.toString(36) + ".".repeat(frame.roll)).join("");
  const query = new URLSearchParams({ w: source.gallery, a: actions, s: seed, n: steps });
  return `${location.origin}${location.pathname}?${query}`;
}

async function copyLink(player) {
  const { world } = player;
  if (!world) return;
  if (!world.start.source.gallery) return say("A picture of your own cannot be in a link. Save a GIF or an MP4.");
  const field = $(".link");
  field.hidden = false;
  field.value = replayLink(world);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    say("The link is copied: it plays this again, frame by frame.");
  } catch {
    say("Copy the link from the field: it plays this again, frame by frame.");
  }
}

/** What the page's address asks for: a start and the taps to play, or null. A link that asks for too much says so. */
function readLink(search) {
  const query = new URLSearchParams(search);
  const gallery = query.get("w");
  if (!gallery) return null;
  if (!config.gallery.some((entry) => entry.name === gallery)) {
    throw new Error("The link names a picture that this page does not have. Choose one here.");
  }
  const whole = (name, least, most, fallback) => {
    const text = query.get(name) ?? String(fallback);
    const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (value < least || value > most) throw new Error(`The link has ${name}=${text.slice(0, 20)}, which is not from ${least} to ${most}.`);
    return value;
  };
  const taps = [];
  for (const character of (query.get("a") ?? "").slice(0, 10 * config.max_frames)) {
    if (character === "." && taps.length) taps.at(-1).roll++;
    else taps.push({ action: parseInt(character, 36), roll: 0 });
  }
  if (taps.some(({ action }) => !(action < config.actions)) || taps.length >= config.max_frames) {
    throw new Error(`The link's actions are not of this world, which has ${config.actions}.`);
  }
  return { start: { source: { gallery }, seed: whole("s", 0, 2 ** 31 - 1, 0), steps: whole("n", 1, config.max_steps, config.steps) }, taps };
}
