// Puts the parts together and starts the first world.

function prepareHelp() {
  const unsteered = Object.keys(STEER).filter((way) => steering(way) === undefined);
  const rows = [
    [`1 to ${Math.min(config.actions, 9)}`, "the actions: a tap is one frame, held down they go on"],
    ...Object.keys(STEER).filter((way) => steering(way) !== undefined).map((way) => [capsOf(steering(way)).slice(1).join(" "), `most often ${way}`]),
    ...(unsteered.length && legend.length ? [["Other arrows", `do nothing: no action of this world is sure to go ${unsteered.join(" or ")}`]] : []),
    ["Z, Y", "undo, redo"],
    ["X", "another sample of this frame"],
    ["B", "mark this frame"],
    ["R", "back to the start"],
    ["G", "save a GIF"],
    ["Touch", "hold an action's button, or drag on the picture to steer"],
    ["Gamepad", "the D-pad steers"],
  ];
  $(".help dl").append(...rows.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)]));
}

function main() {
  if (config.error) {
    say(config.error);
    element.querySelector(".genie").classList.add("broken");
    for (const control of all("button, input, textarea")) control.disabled = true;
    return;
  }
  prepareScreen();
  prepareActions(capsOf);

  const player = new Player({
    say,
    show(world) {
      showFrame(world, player.latency);
      stalePreviews();
      showStrip(player, world);
      if (world.at === 0) showMarks(player, world);
    },
    wait: (isWaiting) => $(".screen").classList.toggle("starting", isWaiting),
    preview: showPreviews,
  });
  const steps = $(".steps");
  steps.max = config.max_steps;
  steps.value = config.steps;
  const begin = (source) => {
    player.begin({ source, seed: randomSeed(), steps: Number(steps.value) });
    view.focus({ preventScroll: true });
  };
  const presses = new Presses(player);
  const tools = {
    undo: () => player.undo(),
    redo: () => player.redo(),
    reroll: () => player.reroll(),
    mark: () => toggleMark(player),
    reset: () => player.reset(),
    rename: renameActions,
  };
  const shares = { gif: () => saveFilm(player, "gif"), mp4: () => saveFilm(player, "mp4"), link: () => copyLink(player) };
  for (const button of all("[data-tool]")) button.addEventListener("click", tools[button.dataset.tool]);
  for (const button of all("[data-share]")) button.addEventListener("click", shares[button.dataset.share]);
  listen(presses, { z: tools.undo, y: tools.redo, x: tools.reroll, b: tools.mark, r: tools.reset, g: shares.gif });
  listenToGamepad(presses);
  preparePrompts(begin);
  prepareHelp();

  const showSteps = () => { $(".quality output").textContent = steps.value; };
  steps.addEventListener("input", showSteps);
  steps.addEventListener("change", () => player.last && player.begin({ ...player.last, steps: Number(steps.value) }));
  $(".memory").textContent = `The model sees the last ${config.memory - 1} frames, underlined here; what is older it has forgotten.`;
  $(".about").textContent = `World: ${config.model}, ${config.actions} actions, ${config.size[1]}x${config.size[0]} pixels, on ${config.device}.`;

  let link = null, complaint = "";
  try {
    link = readLink(location.search);
  } catch (error) {
    complaint = error.message;
  }
  if (link) {
    steps.value = link.start.steps;
    player.begin(link.start, link.taps);
  } else if (config.gallery.length) {
    const begun = player.begin({ source: { gallery: config.gallery[0].name }, seed: randomSeed(), steps: config.steps });
    if (complaint) begun.then(() => say(complaint));
  } else {
    say(complaint || "Choose a picture to start.");
  }
  showSteps();
  view.focus({ preventScroll: true });
}

main();
