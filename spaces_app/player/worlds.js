// The worlds of the page. Each has an address of its own, so that going to another is following a link.

import { make } from "./page.js";

const REPLAY = ["w", "a", "s", "n"]; // of a link that plays a world again, see links.js

/** The world that the page's address asks for, or the first, with a sentence where there is no such world. */
export function chosenWorld(search, names) {
  const name = new URLSearchParams(search).get("world");
  if (name === null || names.includes(name)) return { name: name ?? names[0], complaint: "" };
  return { name: names[0], complaint: "The link names a world that this page does not have. Choose one here." };
}

/** The address of a world at its start. What the page around this one has added is kept. */
export function addressOf(name, search) {
  const query = new URLSearchParams(search);
  for (const key of REPLAY) query.delete(key);
  query.set("world", name);
  return `?${query}`;
}

/** Shows a link to each world, where there is more than one. */
export function showWorlds(page, names, chosen, search) {
  const switcher = page.find(".worlds");
  switcher.hidden = names.length < 2;
  const link = (name) => make("a", { href: addressOf(name, search), "aria-current": name === chosen && "page" }, name);
  switcher.querySelector("ul").append(...names.map((name) => make("li", {}, link(name))));
}
