// What every part needs of the page: its elements, and the line of words below the picture.

const REST_MS = 600; // without another word before the number of the frame is said

/** A new element; text goes in as text. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export class Page {
  constructor(element) {
    this.element = element;
    this.view = this.find(".view");
    this.later = null; // the timer of what is said once the frames rest
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  findAll(selector) {
    return [...this.element.querySelectorAll(selector)];
  }

  focusView() {
    this.view.focus({ preventScroll: true });
  }

  say(sentence) {
    clearTimeout(this.later);
    this.find(".status").textContent = sentence;
  }

  sayAtRest(sentence) {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.say(sentence), REST_MS);
  }
}
