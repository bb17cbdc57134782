// What a visitor takes along: films of the way here, and a link that plays it again.

import { replayLink } from "./links.js";
import { make } from "./page.js";

const MIME_TYPES = { gif: "image/gif", mp4: "video/mp4" };

function download(content, kind) {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const address = URL.createObjectURL(new Blob([bytes], { type: MIME_TYPES[kind] }));
  make("a", { href: address, download: `genie.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function saveFilm(page, ask, session, kind) {
  if (!session) return;
  page.say("Making the film…");
  try {
    const keys = page.find(".burn").checked;
    const { file, note } = await ask("export", { world: session.token, frame: session.current, kind, keys });
    download(file, kind);
    page.say(`Saved ${session.frame.depth + 1} frames as genie.${kind}. ${note}`);
  } catch (error) {
    page.say(error.message);
  }
}

/** Only here does anything that is played stay with the page: where the visitor presses the button that says so. */
export async function giveWay(page, ask, session) {
  if (!session) return;
  try {
    const { frames } = await ask("give", { world: session.token, frame: session.current });
    page.say(`Thank you: ${frames} frames are kept, to train worlds with.`);
  } catch (error) {
    page.say(error.message);
  }
}

/** `world` is the name of the world, where the page has others too. */
export async function copyLink(page, session, world) {
  if (!session) return;
  if (!session.start.source.gallery) return page.say("A picture of your own cannot be in a link. Save a GIF or an MP4.");
  const field = page.find(".link");
  field.hidden = false;
  field.value = replayLink(session, location.origin + location.pathname, world);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    page.say("The link is copied: it plays this again, frame by frame.");
  } catch {
    page.say("Copy the link from the field: it plays this again, frame by frame.");
  }
}
