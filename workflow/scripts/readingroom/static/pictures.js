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

async function load(case_) {
  const response = await fetch(`images/${case_}.png`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const bitmap = await createImageBitmap(await response.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i += 1) grey[i] = rgba[4 * i];
  return { width, height, grey };
}
