// The radiographs as grey values, fetched before they are asked for.

import { pause } from "./server.js";

export class Pictures {
  constructor() {
    this.known = new Map();
  }

  // Returns the grey values of a case, { width, height, grey }, when they are there;
  // tell is called at every failure. Keeps trying while the server is away.
  async get(case_, tell) {
    for (;;) {
      try {
        return await this.#start(case_);
      } catch (error) {
        tell(error);
        await pause(1000);
      }
    }
  }

  // Holds just these cases, and fetches those that are missing, one after the other.
  async keep(cases) {
    for (const case_ of this.known.keys()) {
      if (!cases.includes(case_)) this.known.delete(case_);
    }
    for (const case_ of cases) {
      await this.#start(case_).catch(() => {});
    }
  }

  #start(case_) {
    if (!this.known.has(case_)) {
      const coming = load(case_);
      this.known.set(case_, coming);
      coming.catch(() => {
        if (this.known.get(case_) === coming) this.known.delete(case_);
      });
    }
    return this.known.get(case_);
  }
}

const decoder = new Worker("decoder.js");
const asked = new Map();
let count = 0;

decoder.addEventListener("message", ({ data: { number, picture, why } }) => {
  const { resolve, reject } = asked.get(number);
  asked.delete(number);
  if (picture) resolve(picture);
  else reject(new Error(why));
});

async function load(case_) {
  const response = await fetch(`images/${case_}.png`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const file = await response.blob();
  return new Promise((resolve, reject) => {
    count += 1;
    asked.set(count, { resolve, reject });
    decoder.postMessage({ number: count, file });
  });
}
