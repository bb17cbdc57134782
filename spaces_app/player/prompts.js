// Where a world starts from: the gallery, a file, a sketch, the camera or a text.

const LARGEST = 50e6; // pixels that are decoded here; phones take pictures of that size
const SMALLEST = 16, SENT = 512; // pixels: the smallest side taken, and the larger side that is sent
const COLOURS = ["#1f2937", "#ef4444", "#f59e0b", "#22c55e", "#0ea5e9", "#7c3aed", "#8b5e3c", "#ffffff"];

const randomSeed = () => Math.floor(Math.random() * 10000);

/** A picture as a data URI, turned as its EXIF data says and shrunk: the original stays on this machine. */
async function shrink(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error("That file is not a picture this browser can read. Use PNG, JPEG or WebP.");
  }
  const { width, height } = bitmap;
  const size = `That picture has ${width} x ${height} pixels`;
  if (width * height > LARGEST) throw new Error(`${size}, more than ${LARGEST / 1e6} megapixels. Use a smaller one.`);
  if (Math.min(width, height) < SMALLEST) throw new Error(`${size}. Use one with at least ${SMALLEST} on each side.`);
  const scale = Math.min(1, SENT / Math.max(width, height));
  const canvas = make("canvas", { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // under what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.92);
}

function preparePrompts(begin) {
  const play = async (picture) => {
    try {
      begin({ picture: await picture });
    } catch (error) {
      say(error.message);
    }
  };
  prepareGallery(begin);
  prepareUpload(play);
  prepareSketch(play);
  const stopCamera = prepareCamera(play);
  const panels = ["Gallery", "Upload", "Sketch"];
  if (navigator.mediaDevices?.getUserMedia) panels.push("Camera");
  if (config.text) panels.push("Describe");
  prepareTabs(panels, stopCamera);
  $("[data-panel=Describe]").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $(".text").value.trim();
    if (text) begin({ text });
    else say("Write what the first frame shows, then press Make it.");
  });
}

function prepareTabs(panels, stopCamera) {
  const show = (name) => {
    for (const panel of all(".panel")) panel.hidden = panel.dataset.panel !== name;
    for (const tab of all("[role=tab]")) {
      tab.setAttribute("aria-selected", tab.textContent === name);
      tab.tabIndex = tab.textContent === name ? 0 : -1;
    }
    stopCamera(name === "Camera");
  };
  for (const name of panels) $(".tabs").append(make("button", { type: "button", role: "tab", onclick: () => show(name) }, name));
  $(".tabs").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const tabs = all("[role=tab]");
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
  show("Gallery");
}

function prepareGallery(begin) {
  for (const { name, image, seen } of config.gallery) {
    const picture = make("img", { src: image, alt: "" });
    const note = seen ? "" : "never seen";
    $(".gallery").append(
      make("button", { type: "button", "data-gallery": name, title: name, "aria-label": `Start from ${name} ${note}`, onclick: () => begin({ gallery: name }) },
        picture, make("span", {}, note)),
    );
  }
}

function prepareUpload(play) {
  $(".file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (file) play(shrink(file));
  });
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) play(shrink(file));
  });
}

function prepareSketch(play) {
  const pad = $(".pad");
  const pen = pad.getContext("2d");
  const clear = () => {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, pad.width, pad.height);
  };
  clear();
  Object.assign(pen, { lineCap: "round", lineJoin: "round", lineWidth: 12, strokeStyle: COLOURS[0] });
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
  for (const colour of COLOURS) {
    const choose = (event) => {
      pen.strokeStyle = colour;
      for (const other of all(".brushes button")) other.setAttribute("aria-pressed", other === event.currentTarget);
    };
    const button = make("button", { type: "button", "aria-label": `Colour ${colour}`, "aria-pressed": colour === COLOURS[0], onclick: choose });
    button.style.background = colour;
    $(".brushes").append(button);
  }
  $("[data-pad=clear]").addEventListener("click", clear);
  $("[data-pad=play]").addEventListener("click", () => play(pad.toDataURL("image/png")));
}

/** Returns a function that turns the camera on or off. */
function prepareCamera(play) {
  const video = $(".camera");
  let stream = null, isWanted = false;
  const end = (ended) => { for (const track of ended?.getTracks() ?? []) track.stop(); };
  $("[data-camera=shoot]").addEventListener("click", () => {
    if (!video.videoWidth) return say("The camera shows no picture yet. Allow it in the browser, or upload a picture.");
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
      if (isWanted) say("There is no camera that this page may use. Upload a picture, or draw one.");
    }
  };
}
