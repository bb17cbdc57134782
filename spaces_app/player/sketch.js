// A pad to draw a first frame on.

import { make } from "./page.js";

const COLOURS = ["#1f2937", "#ef4444", "#f59e0b", "#22c55e", "#0ea5e9", "#7c3aed", "#8b5e3c", "#ffffff"];

/** `play` starts a world from a picture, given as a data URI. */
export function prepareSketch(page, play) {
  const pad = page.find(".pad");
  const pen = pad.getContext("2d");
  const clear = () => {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, pad.width, pad.height);
  };
  clear();
  Object.assign(pen, { lineCap: "round", lineJoin: "round", lineWidth: 12, strokeStyle: COLOURS[0] });
  drawWithPointer(pad, pen);
  for (const colour of COLOURS) {
    const choose = (event) => {
      pen.strokeStyle = colour;
      for (const other of page.findAll(".brushes button")) other.setAttribute("aria-pressed", other === event.currentTarget);
    };
    const pressed = String(colour === COLOURS[0]);
    const attributes = { type: "button", "aria-label": `Colour ${colour}`, "aria-pressed": pressed, onclick: choose };
    const button = make("button", attributes);
    button.style.background = colour;
    page.find(".brushes").append(button);
  }
  page.find("[data-pad=clear]").addEventListener("click", clear);
  page.find("[data-pad=play]").addEventListener("click", () => play(pad.toDataURL("image/png")));
}

function drawWithPointer(pad, pen) {
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) * pad.width) / box.width, ((event.clientY - box.top) * pad.height) / box.height];
  };
  let last = null;
  const draw = (event) => {
    const [x, y] = place(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(x, y);
    pen.stroke();
    last = [x, y];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
  });
  pad.addEventListener("pointermove", (event) => last && draw(event));
  pad.addEventListener("lostpointercapture", () => { last = null; });
}
