// Measures how long a case is looked at: not while the page is hidden.

export class Clock {
  constructor() {
    this.restart(false);
    document.addEventListener("visibilitychange", () => {
      if (this.running) this.#count();
      this.since = performance.now();
    });
  }

  restart(running = true) {
    this.running = running;
    this.counted = 0;
    this.since = performance.now();
    this.hidden = document.hidden;
  }

  get seconds() {
    if (this.running) this.#count();
    return this.counted / 1000;
  }

  #count() {
    const now = performance.now();
    if (!this.hidden) this.counted += now - this.since;
    this.since = now;
    this.hidden = document.hidden;
  }
}

export function minutes(seconds) {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
