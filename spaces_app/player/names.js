// Names for the actions: the player's own, kept in this browser, or the game's for the button that one stands for.

export class Names {
  constructor(model, ofGame = []) {
    this.key = `genie:${model}:names`;
    this.ofGame = ofGame;
    this.own = this.read();
  }

  of(action) {
    return this.own[action] || this.ofGame[action] || "";
  }

  /** Whether the browser keeps the name. */
  give(action, name) {
    this.own[action] = name;
    try {
      localStorage.setItem(this.key, JSON.stringify(this.own));
      return true;
    } catch {
      return false; // a browser may forbid a page in a frame to store anything
    }
  }

  read() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }
}
