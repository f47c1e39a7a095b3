// Points of a scan, coloured by a number, one of them marked.

import { colours } from "./colours.js";
import { drawScaleBar } from "./picture.js";

export class Scatter {
  /** onPick(index) is called when a point is clicked. */
  constructor(element, onPick) {
    this.element = element;
    this.points = [];
    this.values = [];
    this.chosen = -1;
    this.name = "viridis";
    this.message = "";
    this.canvas = document.createElement("canvas");
    element.append(this.canvas);
    this.canvas.addEventListener("click", (event) => {
      const k = this.nearest(event);
      if (k >= 0) onPick(k);
    });
    this.canvas.addEventListener("mousemove", (event) => {
      const k = this.nearest(event);
      this.canvas.title = k >= 0 ? this.describe(k) : "";
    });
    this.describe = (k) => `frame ${k}`;
    new ResizeObserver(() => this.draw()).observe(element);
  }

  /** Points are a Float64Array of y, x, y, x ... [m]; values an array with a number or NaN each. */
  set({ points, values, range, chosen, message }) {
    if (points) this.points = points;
    if (values) this.values = values;
    if (range !== undefined) this.range = range;
    if (chosen !== undefined) this.chosen = chosen;
    if (message !== undefined) this.message = message;
    this.draw();
  }

  get count() {
    return this.points.length / 2;
  }

  /** Lay the points out: the same scale along both axes. */
  layOut() {
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    let [top, left, bottom, right] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let k = 0; k < this.points.length; k += 2) {
      top = Math.min(top, this.points[k]);
      bottom = Math.max(bottom, this.points[k]);
      left = Math.min(left, this.points[k + 1]);
      right = Math.max(right, this.points[k + 1]);
    }
    const margin = 14;
    const across = Math.max(right - left, 1e-15);
    const down = Math.max(bottom - top, 1e-15);
    const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / down);
    return {
      scale,
      y0: height / 2 - (scale * (top + bottom)) / 2,
      x0: width / 2 - (scale * (left + right)) / 2,
      width,
      height,
    };
  }

  nearest(event) {
    if (!this.count) return -1;
    const { scale, x0, y0 } = this.layOut();
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let least = 20 ** 2;
    for (let k = 0; k < this.count; k++) {
      const far =
        (y0 + scale * this.points[2 * k] - y) ** 2 + (x0 + scale * this.points[2 * k + 1] - x) ** 2;
      if (far < least) [best, least] = [k, far];
    }
    return best;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const { scale, x0, y0, width, height } = this.layOut();
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    if (!this.count) {
      context.fillStyle = style.getPropertyValue("--soft");
      context.font = "13px system-ui, sans-serif";
      context.textAlign = "center";
      this.message.split("\n").forEach((line, k) => {
        context.fillText(line, width / 2, height / 2 + 18 * k - 6);
      });
      return;
    }
    this.drawPoints(context, style, { scale, x0, y0, width, height });
    drawScaleBar(context, { boxWidth: width, boxHeight: height, scale: 1 }, 1 / scale, "m");
  }

  drawPoints(context, style, { scale, x0, y0, width, height }) {
    const map = colours(this.name);
    const known = Array.from(this.values).filter((value) => Number.isFinite(value));
    let [low, high] = this.range || [0, 0];
    if (!this.range && known.length) {
      known.sort((a, b) => a - b);
      low = known[Math.floor(known.length * 0.02)];
      high = known[Math.ceil((known.length - 1) * 0.98)];
    }
    this.shown = [low, high];
    const space = Math.sqrt((width * height) / this.count);
    const radius = Math.min(Math.max(space * 0.28, 1.2), 6);
    const plain = style.getPropertyValue("--point");
    for (let k = 0; k < this.count; k++) {
      const value = this.values[k];
      if (Number.isFinite(value)) {
        const share = high > low ? (value - low) / (high - low) : 0.5;
        const at = 3 * Math.min(255, Math.max(0, Math.round(share * 255)));
        context.fillStyle = `rgb(${map[at]}, ${map[at + 1]}, ${map[at + 2]})`;
      } else context.fillStyle = plain;
      context.beginPath();
      context.arc(x0 + scale * this.points[2 * k + 1], y0 + scale * this.points[2 * k], radius, 0, 7);
      context.fill();
    }
    if (this.chosen >= 0 && this.chosen < this.count) {
      const x = x0 + scale * this.points[2 * this.chosen + 1];
      const y = y0 + scale * this.points[2 * this.chosen];
      for (const [line, colour] of [
        [4, style.getPropertyValue("--panel")],
        [2, style.getPropertyValue("--accent")],
      ]) {
        context.lineWidth = line;
        context.strokeStyle = colour;
        context.beginPath();
        context.arc(x, y, radius + 3.5, 0, 7);
        context.stroke();
      }
    }
  }
}
