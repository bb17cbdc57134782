// A button for each action: its key, what the legend says of it, and what it would do now.

import { make } from "./page.js";
import { dimWhatIsCommon } from "./previews.js";

export class Actions {
  constructor(page, { count, size, legend, names, bindings }) {
    Object.assign(this, { page, count, size, legend, names });
    this.buttons = Array.from({ length: count }, (_, action) => this.button(action, bindings.caps(action)));
    this.fields = this.buttons.map((_, action) => this.field(action));
    const slots = this.buttons.map((button, action) => make("div", { class: "slot" }, button, this.fields[action]));
    page.find(".actions").append(...slots);
    this.buttons.forEach((_, action) => this.label(action));
  }

  button(action, caps) {
    const [height, width] = this.size;
    return make(
      "button",
      { type: "button", class: "action", "data-action": action },
      make("canvas", { width, height, "aria-hidden": "true" }),
      make("span", { class: "arrow", "aria-hidden": "true" }),
      make("span", { class: "caps", "aria-hidden": "true" }, ...caps.map((key) => make("kbd", {}, key))),
      make("span", { class: "name", "aria-hidden": "true" }),
    );
  }

  /** Where the player gives an action another name. */
  field(action) {
    const field = make("input", { type: "text", maxlength: 16, "aria-label": `Name of action ${action + 1}`, hidden: true });
    field.value = this.names.own[action] ?? "";
    field.addEventListener("change", () => {
      if (!this.names.give(action, field.value.trim())) {
        this.page.say("This browser keeps no names for this page: they are gone when you leave.");
      }
      this.label(action);
    });
    field.addEventListener("keydown", (event) => event.key === "Enter" && this.rename());
    return field;
  }

  label(action) {
    const { legend, buttons: { [action]: button } } = this;
    const name = this.names.of(action);
    const { arrow, words } = legend.shortly(action);
    button.setAttribute("aria-label", [`Action ${action + 1}`, name || legend.inAWord(action)].filter(Boolean).join(", "));
    button.title = legend.inASentence(action);
    button.querySelector(".arrow").textContent = arrow;
    button.querySelector(".name").textContent = name || words;
  }

  /** Shows the fields for names, or hides them again. */
  rename() {
    const button = this.page.find("[data-tool=rename]");
    const renaming = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", renaming);
    for (const field of this.fields) field.hidden = !renaming;
    if (renaming) this.fields[0].focus();
    else this.page.focusView();
  }

  mark(action, isPressed) {
    this.buttons[action]?.classList.toggle("pressed", isPressed);
  }

  /** Shows the next frame of each action, dim where all actions agree: what is bright is what this one would change. */
  showPreviews(frame) {
    const [height, width] = this.size;
    const sheet = make("canvas", { width: width * this.count, height });
    const pen = sheet.getContext("2d", { willReadFrequently: true });
    pen.drawImage(frame.preview, 0, 0);
    const pictures = this.buttons.map((_, action) => pen.getImageData(action * width, 0, width, height));
    dimWhatIsCommon(pictures.map((picture) => picture.data));
    this.buttons.forEach((button, action) => {
      button.querySelector("canvas").getContext("2d").putImageData(pictures[action], 0, 0);
    });
    this.page.find(".actions").classList.add("fresh");
  }

  stalePreviews() {
    this.page.find(".actions").classList.remove("fresh");
  }
}
