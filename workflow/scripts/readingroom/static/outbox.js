// Answers on their way to the server. Each stays here, and in the browser's own storage, until
// the server has said that it is saved; only then does the page say so.

import { ask, pause, Refusal } from "./server.js";

const LONGEST_PAUSE = 5000;

export class Outbox {
  // tell: called with (state, waiting, detail) at every change; state is "saving", "saved",
  // "waiting" (the server is away), "closed" (the link no longer opens) or "refused".
  constructor(name, tell) {
    this.prefix = `${name}/answer/`;
    this.tell = tell;
    this.waiting = this.#stored();
    this.busy = false;
    this.wake = () => {};
    window.addEventListener("online", () => this.wake());
    window.addEventListener("beforeunload", (event) => {
      if (this.waiting.length) event.preventDefault();
    });
    if (this.waiting.length) this.#send();
  }

  // Takes an answer; returns at once.
  put(answer) {
    const submission = randomHex();
    const letter = { sent: Date.now(), content: { submission, ...answer } };
    this.waiting.push(letter);
    store(this.prefix + submission, letter);
    this.wake();
    if (!this.busy) this.#send();
  }

  async #send() {
    this.busy = true;
    let failures = 0;
    while (this.waiting.length) {
      const letter = this.waiting[0];
      if (!failures) this.tell("saving", this.waiting.length);
      try {
        const { saved } = await ask("answers", letter.content);
        if (saved !== letter.content.submission) throw new Error("another answer was saved");
        this.#drop(letter);
        failures = 0;
        this.tell("saved", this.waiting.length, letter.content);
      } catch (error) {
        if (error instanceof Refusal && error.status !== 403) {
          this.#drop(letter);
          this.tell("refused", this.waiting.length, { ...letter.content, why: error.message });
          continue;
        }
        failures += 1;
        const state = error instanceof Refusal ? "closed" : "waiting";
        this.tell(state, this.waiting.length);
        const awake = new Promise((resolve) => (this.wake = resolve));
        await Promise.race([awake, pause(Math.min(500 * 2 ** failures, LONGEST_PAUSE))]);
      }
    }
    this.busy = false;
  }

  #drop(letter) {
    this.waiting = this.waiting.filter((other) => other !== letter);
    forget(this.prefix + letter.content.submission);
  }

  #stored() {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(this.prefix));
    return names.map(recall).filter(Boolean).sort((a, b) => a.sent - b.sent);
  }
}

function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The browser's storage may be full or forbidden; the page then holds what it can.
export function store(name, content) {
  try {
    localStorage.setItem(name, JSON.stringify(content));
  } catch {
    console.warn("the browser's storage is not available");
  }
}

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(name);
  } catch {
    console.warn("the browser's storage is not available");
  }
}
