// One radiograph on a canvas: window and level through a table of 256 greys, zoom and pan.

const START = { level: 128, width: 256, inverted: false };
const LARGEST_ZOOM = 16;

export class Viewer {
  // tell: called after each drawing with the view: level, width, inverted, percent.
  constructor(canvas, tell) {
    this.canvas = canvas;
    this.tell = tell;
    this.context = canvas.getContext("2d", { alpha: false });
    this.picture = null;
    this.shown = new OffscreenCanvas(1, 1);
    this.drawing = false;
    Object.assign(this, START);
    new ResizeObserver(() => this.#resize()).observe(canvas);
    listen(this);
  }

  // Shows a picture as every picture is shown at first, or nothing. Draws at once.
  show(picture) {
    this.picture = picture;
    Object.assign(this, START);
    if (picture) {
      this.shown = new OffscreenCanvas(picture.width, picture.height);
      this.surface = this.shown.getContext("2d", { alpha: false, willReadFrequently: true });
      this.pixels = new ImageData(picture.width, picture.height);
      this.words = new Uint32Array(this.pixels.data.buffer);
      this.stale = true;
      this.#fit();
    }
    this.#draw();
  }

  reset() {
    Object.assign(this, START);
    this.stale = true;
    this.#fit();
    this.#drawSoon();
  }

  // One pixel of the image on one of the screen.
  fullResolution() {
    this.zoomBy(1 / this.scale);
  }

  zoomBy(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.picture) return;
    const smallest = Math.min(1, this.#fitting());
    const scale = Math.min(Math.max(this.scale * factor, smallest), LARGEST_ZOOM);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.#clamp();
    this.#drawSoon();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#clamp();
    this.#drawSoon();
  }

  window(dlevel, dwidth) {
    this.level = Math.min(Math.max(this.level + dlevel, 0), 255);
    this.width = Math.min(Math.max(this.width + dwidth, 2), 512);
    this.stale = true;
    this.#drawSoon();
  }

  invert() {
    this.inverted = !this.inverted;
    this.stale = true;
    this.#drawSoon();
  }

  // Returns where a pointer is, in pixels of the canvas.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  #fitting() {
    const { width, height } = this.picture;
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  }

  #fit() {
    if (!this.picture) return;
    this.fitted = true;
    this.scale = this.#fitting();
    this.#clamp();
  }

  // Centres what is smaller than the canvas; keeps the rest from leaving it.
  #clamp() {
    const { width, height } = this.picture ?? { width: 0, height: 0 };
    this.x = kept(this.x, width * this.scale, this.canvas.width);
    this.y = kept(this.y, height * this.scale, this.canvas.height);
  }

  #resize() {
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    if (this.fitted) this.#fit();
    else this.#clamp();
    this.#draw();
  }

  #drawSoon() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.#draw();
    });
  }

  #draw() {
    const { canvas, context, picture } = this;
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!picture) return;
    if (this.stale) this.#expose();
    context.imageSmoothingEnabled = this.scale < 4;
    context.imageSmoothingQuality = "high";
    const [width, height] = [picture.width * this.scale, picture.height * this.scale];
    context.drawImage(this.shown, this.x, this.y, width, height);
    const { level, inverted } = this;
    this.tell({ level, width: this.width, inverted, percent: Math.round(100 * this.scale) });
  }

  #expose() {
    const table = greys(this);
    const { words } = this;
    const { grey } = this.picture;
    for (let i = 0; i < grey.length; i += 1) words[i] = table[grey[i]];
    this.surface.putImageData(this.pixels, 0, 0);
    this.stale = false;
  }
}

function kept(offset, size, room) {
  if (size <= room) return (room - size) / 2;
  return Math.min(Math.max(offset || 0, room - size), 0);
}

// The grey of the screen for each grey of the image, as a word of four bytes.
function greys({ level, width, inverted }) {
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const share = (value - (level - width / 2)) / (width - 1);
    const grey = Math.round(255 * Math.min(Math.max(share, 0), 1));
    const byte = inverted ? 255 - grey : grey;
    return (0xff000000 | (byte << 16) | (byte << 8) | byte) >>> 0;
  });
}

// Wheel, mouse, pen and fingers.
function listen(viewer) {
  const { canvas } = viewer;
  const pointers = new Map();
  let spaceHeld = false;

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 16;
    const speed = event.ctrlKey ? 0.01 : 0.0015;
    viewer.zoomBy(Math.exp(-event.deltaY * lines * speed), ...viewer.place(event));
  }, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, viewer.place(event));
    canvas.focus({ preventScroll: true });
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = viewer.place(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (pointers.size > 1) pinch(event.pointerId, before, now);
    else if (spaceHeld || event.buttons & 6) viewer.pan(dx, dy);
    else viewer.window(dy / devicePixelRatio / 2, dx / devicePixelRatio);
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  for (const kind of ["keydown", "keyup"]) {
    window.addEventListener(kind, (event) => {
      if (event.key !== " " || isControl(event.target)) return;
      spaceHeld = kind === "keydown";
      canvas.classList.toggle("panning", spaceHeld);
      event.preventDefault();
    });
  }
  window.addEventListener("blur", () => {
    spaceHeld = false;
    canvas.classList.remove("panning");
  });

  function pinch(moved, before, now) {
    const [other] = [...pointers].filter(([id]) => id !== moved).map(([, place]) => place);
    const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    viewer.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    viewer.zoomBy(apart(now, other) / apart(before, other), ...middle);
  }
}

function isControl(element) {
  return element.matches?.("input, textarea, button, select, a");
}
