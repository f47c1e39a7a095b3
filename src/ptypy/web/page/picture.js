// A picture that can be moved and magnified, with something drawn over it.

import { settled } from "./link.js";

const CLOSEST = 40;
const QUIET = 90;

/** Round as Python does: halves to even. */
export function roundEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

export class Picture {
  /**
   * paint(out, view) fills pixels; draw(context, picture) draws over them, in CSS pixels;
   * onView(picture) is called when it has come to rest; onHover(point or null);
   * tool: { cursor(p), down(p, event), move(p, event), up(p, event) }, `down` says whether it takes it.
   */
  constructor(element, { paint, draw, onView, onHover, tool }) {
    this.element = element;
    this.paintPixels = paint;
    this.drawOver = draw;
    this.onHover = onHover;
    this.tool = tool || null;
    this.height = this.width = 0;
    this.x = this.y = 0;
    this.scale = 1;
    this.fitted = true;
    this.waits = false;
    this.painted = 0;
    this.settle = settled(() => onView && onView(this), QUIET);
    this.canvas = document.createElement("canvas");
    this.over = document.createElement("canvas");
    this.over.className = "over";
    element.append(this.canvas, this.over);
    element.tabIndex = 0;
    this.listen();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(element);
    this.resize();
  }

  get ratio() {
    return Math.min(window.devicePixelRatio || 1, 2);
  }

  setWhole(height, width) {
    const isOther = height !== this.height || width !== this.width;
    this.height = height;
    this.width = width;
    if (isOther) this.fit();
    else this.request();
  }

  resize() {
    const box = this.element.getBoundingClientRect();
    this.boxWidth = Math.max(box.width, 1);
    this.boxHeight = Math.max(box.height, 1);
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.round(this.boxWidth * this.ratio);
      canvas.height = Math.round(this.boxHeight * this.ratio);
    }
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.pixels = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.out = new Uint32Array(this.pixels.data.buffer);
    this.ground = 0;
    if (this.fitted) this.fit();
    else this.moved();
  }

  fit() {
    if (!this.width) return;
    const margin = 12;
    const scale = Math.min(
      (this.boxWidth - 2 * margin) / this.width,
      (this.boxHeight - 2 * margin) / this.height,
    );
    this.scale = Math.max(scale, 1e-3);
    this.x = (this.width - this.boxWidth / this.scale) / 2;
    this.y = (this.height - this.boxHeight / this.scale) / 2;
    this.fitted = true;
    this.moved();
  }

  /** Magnify about a point of the element [CSS px]. */
  zoom(factor, at = [this.boxWidth / 2, this.boxHeight / 2]) {
    if (!this.width) return;
    const least = 0.5 * Math.min(this.boxWidth / this.width, this.boxHeight / this.height);
    const scale = Math.min(Math.max(this.scale * factor, Math.min(least, 1)), CLOSEST);
    this.x += at[0] / this.scale - at[0] / scale;
    this.y += at[1] / this.scale - at[1] / scale;
    this.scale = scale;
    this.fitted = false;
    this.moved();
  }

  /** Move by so many CSS pixels. */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.x = Math.min(Math.max(this.x, -0.9 * (this.boxWidth / this.scale)), this.width * 0.98);
    this.y = Math.min(Math.max(this.y, -0.9 * (this.boxHeight / this.scale)), this.height * 0.98);
    this.fitted = false;
    this.moved();
  }

  /** Where a pointer is, in pixels of the picture; pixel k reaches from k to k + 1. */
  pointOf(event) {
    const box = this.element.getBoundingClientRect();
    const across = event.clientX - box.left;
    const down = event.clientY - box.top;
    return { x: this.x + across / this.scale, y: this.y + down / this.scale, across, down };
  }

  /** Where a point of the picture is on the element [CSS px]. */
  onScreen(y, x) {
    return [(y - this.y) * this.scale, (x - this.x) * this.scale];
  }

  /** The part of the picture that is seen: [top, left, height, width]. */
  visible() {
    const top = Math.max(0, Math.floor(this.y));
    const left = Math.max(0, Math.floor(this.x));
    const bottom = Math.min(this.height, Math.ceil(this.y + this.boxHeight / this.scale));
    const right = Math.min(this.width, Math.ceil(this.x + this.boxWidth / this.scale));
    return [top, left, Math.max(bottom - top, 1), Math.max(right - left, 1)];
  }

  /** Pixels of the picture to a pixel of the screen, at least 1. */
  step() {
    return Math.max(1, Math.floor(1 / (this.scale * this.ratio) + 0.05));
  }

  moved() {
    this.request();
    this.settle();
  }

  request() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      this.paint();
    });
  }

  paint() {
    const view = {
      width: this.canvas.width,
      height: this.canvas.height,
      x: this.x,
      y: this.y,
      scale: this.scale * this.ratio,
    };
    const style = getComputedStyle(this.element);
    const ground = style.getPropertyValue("--ground-bytes").trim();
    const [r, g, b] = ground ? ground.split(" ").map(Number) : [32, 36, 40];
    this.out.fill((0xff000000 | (b << 16) | (g << 8) | r) >>> 0);
    if (this.width) this.paintPixels(this.out, view);
    this.context.putImageData(this.pixels, 0, 0);
    const context = this.over.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.over.width, this.over.height);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (this.drawOver && this.width) this.drawOver(context, this);
    this.painted++;
  }

  listen() {
    const { element } = this;
    element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const unit = event.deltaMode === 1 ? 16 : 1;
        const p = this.pointOf(event);
        this.zoom(Math.exp(-event.deltaY * unit * 0.0016), [p.across, p.down]);
      },
      { passive: false },
    );
    let last = null;
    let taken = false;
    element.addEventListener("pointerdown", (event) => {
      element.focus({ preventScroll: true });
      element.setPointerCapture(event.pointerId);
      const p = this.pointOf(event);
      taken = event.button === 0 && Boolean(this.tool && this.tool.down(p, event));
      last = p;
      element.classList.toggle("panning", !taken);
    });
    element.addEventListener("pointermove", (event) => {
      const p = this.pointOf(event);
      if (this.onHover) this.onHover(p);
      if (!last) {
        element.style.cursor = (this.tool && this.tool.cursor(p)) || "grab";
        return;
      }
      if (taken) this.tool.move(p, event);
      else this.pan(p.across - last.across, p.down - last.down);
      last = this.pointOf(event);
    });
    const end = (event) => {
      if (last && taken) this.tool.up(this.pointOf(event), event);
      last = null;
      taken = false;
      element.classList.remove("panning");
    };
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    element.addEventListener("pointerleave", () => this.onHover && this.onHover(null));
    element.addEventListener("dblclick", () => this.fit());
    element.addEventListener("keydown", (event) => {
      const far = event.shiftKey ? 200 : 50;
      const keys = {
        "+": () => this.zoom(1.25),
        "=": () => this.zoom(1.25),
        "-": () => this.zoom(0.8),
        0: () => this.fit(),
        ArrowLeft: () => this.pan(far, 0),
        ArrowRight: () => this.pan(-far, 0),
        ArrowUp: () => this.pan(0, far),
        ArrowDown: () => this.pan(0, -far),
      };
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      event.preventDefault();
      act();
    });
  }
}

/** Draw a bar of a round length into the lower left corner; `length` of a pixel, and its unit. */
export function drawScaleBar(context, picture, pixel, unit) {
  if (!(pixel > 0)) return;
  const target = 0.2 * Math.min(picture.boxWidth, 700);
  const exponent = 10 ** Math.floor(Math.log10((target / picture.scale) * pixel));
  let long = exponent;
  for (const step of [1, 2, 5, 10]) {
    if (((step * exponent) / pixel) * picture.scale <= target) long = step * exponent;
  }
  const width = (long / pixel) * picture.scale;
  const [x, y] = [16, picture.boxHeight - 18];
  const text = unit === "m" ? metres(long) : `${+long.toPrecision(3)} ${unit}`;
  context.font = "600 12px system-ui, sans-serif";
  const wide = Math.max(width, context.measureText(text).width);
  context.fillStyle = "rgba(12, 16, 20, 0.62)";
  context.beginPath();
  context.roundRect(x - 8, y - 24, wide + 16, 34, 6);
  context.fill();
  context.fillStyle = "#fff";
  context.fillRect(x, y, width, 3);
  context.textBaseline = "bottom";
  context.fillText(text, x, y - 4);
}

/** Write a length in metres with a unit that suits it. */
export function metres(length, digits = 4) {
  const size = Math.abs(length);
  const [factor, unit] =
    size >= 1 ? [1, "m"] : size >= 1e-3 ? [1e3, "mm"] : size >= 1e-6 ? [1e6, "µm"] : [1e9, "nm"];
  return `${+(length * factor).toPrecision(digits)} ${unit}`;
}

/** Write a number short. */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en-US");
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) {
    return value.toExponential(Math.min(digits - 1, 2)).replace("e+", "e");
  }
  return String(+value.toPrecision(digits));
}
