// Contrast: how often numbers occur, which of them are black and white, and the colours between.

import { colours } from "./colours.js";

const BINS = 160;

export class Contrast {
  /** onChange() is called when the window [low, high], shares of the axis, has been changed by hand. */
  constructor(element, onChange) {
    this.window = [0, 1];
    this.byHand = false;
    this.counts = new Float64Array(BINS);
    this.name = "magma";
    this.inverted = false;
    this.write = (share) => String(share);
    this.onChange = onChange;
    element.classList.add("contrast");
    element.innerHTML = `
      <canvas class="bars"></canvas>
      <div class="handles">
        <input type="range" min="0" max="1000" step="1" aria-label="Darkest" />
        <input type="range" min="0" max="1000" step="1" aria-label="Brightest" />
      </div>
      <canvas class="strip"></canvas>
      <div class="ends"><output></output><output></output></div>`;
    [this.bars, this.strip] = element.querySelectorAll("canvas");
    this.inputs = [...element.querySelectorAll("input")];
    this.ends = [...element.querySelectorAll("output")];
    this.inputs.forEach((input, k) =>
      input.addEventListener("input", () => {
        const value = Number(input.value) / 1000;
        const other = this.window[1 - k];
        this.window[k] = k === 0 ? Math.min(value, other - 0.002) : Math.max(value, other + 0.002);
        this.byHand = true;
        this.draw();
        this.onChange();
      }),
    );
    element.addEventListener("dblclick", () => this.reset());
    new ResizeObserver(() => this.draw()).observe(element);
  }

  /** Take a histogram; the window is chosen anew unless somebody has chosen one. */
  set({ counts, window, name, inverted, write }) {
    if (counts) this.counts = counts;
    if (name) this.name = name;
    if (inverted !== undefined) this.inverted = inverted;
    if (write) this.write = write;
    this.automatic = window || this.automatic;
    if (!this.byHand && this.automatic) this.window = [...this.automatic];
    this.draw();
  }

  reset() {
    this.byHand = false;
    if (this.automatic) this.window = [...this.automatic];
    this.draw();
    this.onChange();
  }

  static get bins() {
    return BINS;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.bars, this.strip]) {
      const width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
      const height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    const [low, high] = this.window;
    this.inputs.forEach((input, k) => {
      input.value = String(Math.round(this.window[k] * 1000));
      input.setAttribute("aria-valuetext", this.write(this.window[k]));
      this.ends[k].textContent = this.write(this.window[k]);
    });
    this.drawBars(low, high);
    this.drawStrip(low, high);
  }

  drawBars(low, high) {
    const context = this.bars.getContext("2d");
    const { width, height } = this.bars;
    const style = getComputedStyle(this.bars);
    context.clearRect(0, 0, width, height);
    // Square roots: rare numbers are seen beside frequent ones.
    const heights = Array.from(this.counts, (n) => Math.sqrt(n));
    const sorted = [...heights].sort((a, b) => a - b);
    const most = sorted[Math.floor(sorted.length * 0.985)] || sorted[sorted.length - 1] || 1;
    const bar = width / heights.length;
    heights.forEach((value, k) => {
      const inside = (k + 1) / heights.length > low && k / heights.length < high;
      context.fillStyle = style.getPropertyValue(inside ? "--bar" : "--bar-out");
      const tall = Math.min(value / most, 1) * (height - 1);
      context.fillRect(k * bar, height - tall, Math.max(bar - 0.5, 1), tall);
    });
  }

  drawStrip(low, high) {
    const context = this.strip.getContext("2d");
    const { width, height } = this.strip;
    const map = colours(this.name);
    for (let x = 0; x < width; x++) {
      const share = ((x + 0.5) / width - low) / Math.max(high - low, 1e-6);
      let at = Math.min(255, Math.max(0, Math.floor(share * 256)));
      if (this.inverted) at = 255 - at;
      context.fillStyle = `rgb(${map[3 * at]}, ${map[3 * at + 1]}, ${map[3 * at + 2]})`;
      context.fillRect(x, 0, 1, height);
    }
  }
}
