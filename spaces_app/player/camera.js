// A first frame from the camera.

import { make } from "./page.js";
import { shrink } from "./picture.js";

/** `play` starts a world from a picture. Returns a function that turns the camera on or off. */
export function prepareCamera(page, play) {
  const video = page.find(".camera");
  let stream = null, isWanted = false;
  const end = (ended) => { for (const track of ended?.getTracks() ?? []) track.stop(); };
  page.find("[data-camera=shoot]").addEventListener("click", () => {
    if (!video.videoWidth) return page.say("The camera shows no picture yet. Allow it in the browser, or upload a picture.");
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    play(new Promise((done) => canvas.toBlob(done)).then(shrink));
  });
  return async (isOn) => {
    isWanted = isOn;
    if (!isOn) {
      end(stream);
      stream = null;
      return;
    }
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!isWanted || stream) return end(opened); // the visitor has gone on while the browser asked
      stream = video.srcObject = opened;
      await video.play();
    } catch {
      if (isWanted) page.say("There is no camera that this page may use. Upload a picture, or draw one.");
    }
  };
}
