// Where a world starts from: the gallery, a file, a sketch, the camera or a text.

import { prepareCamera } from "./camera.js";
import { make } from "./page.js";
import { shrink } from "./picture.js";
import { prepareSketch } from "./sketch.js";

/** `begin` starts a world from a source: `{ gallery }`, `{ picture }` or `{ text }`. */
export function preparePrompts(page, config, begin) {
  const play = async (picture) => {
    try {
      begin({ picture: await picture });
    } catch (error) {
      page.say(error.message);
    }
  };
  prepareGallery(page, config.gallery, begin);
  prepareUpload(page, play);
  prepareSketch(page, play);
  const turnCamera = prepareCamera(page, play);
  const panels = ["Gallery", "Upload", "Sketch"];
  if (navigator.mediaDevices?.getUserMedia) panels.push("Camera");
  if (config.text) panels.push("Describe");
  prepareTabs(page, panels, (name) => turnCamera(name === "Camera"));
  prepareText(page, begin);
}

function prepareTabs(page, panels, onShow) {
  const tabs = page.find(".tabs");
  const show = (name) => {
    for (const panel of page.findAll(".panel")) panel.hidden = panel.dataset.panel !== name;
    for (const tab of tabs.children) {
      tab.setAttribute("aria-selected", tab.textContent === name);
      tab.tabIndex = tab.textContent === name ? 0 : -1;
    }
    onShow(name);
  };
  for (const name of panels) tabs.append(make("button", { type: "button", role: "tab", onclick: () => show(name) }, name));
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const all = [...tabs.children];
    const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
  show("Gallery");
}

function prepareGallery(page, gallery, begin) {
  for (const { name, image, seen } of gallery) {
    const note = seen ? "" : "never seen";
    const attributes = { type: "button", "data-gallery": name, title: name, "aria-label": `Start from ${name} ${note}` };
    const parts = [make("img", { src: image, alt: "" }), make("span", {}, note)];
    page.find(".gallery").append(make("button", { ...attributes, onclick: () => begin({ gallery: name }) }, ...parts));
  }
}

function prepareUpload(page, play) {
  const take = ([file]) => file && play(shrink(file));
  page.find(".file").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = ""; // the same file may be chosen again
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

function prepareText(page, begin) {
  page.find("[data-panel=Describe]").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = page.find(".text").value.trim();
    if (text) begin({ text });
    else page.say("Write what the first frame shows, then press Make it.");
  });
}
