// Region and centre: the region lies about the centre, as `shape` and `center` of a scan say.

import { roundEven } from "./picture.js";

const NEAR = 8;

/** The region in the raw frame: { top, left, height, width } [px]. */
export function regionOf({ shape, center }) {
  return {
    top: roundEven(center[0]) - Math.floor(shape[0] / 2),
    left: roundEven(center[1]) - Math.floor(shape[1] / 2),
    height: shape[0],
    width: shape[1],
  };
}

/** Make a length one that blocks of `rebin` pixels fill, and even. */
export function fitting(length, rebin) {
  const unit = rebin % 2 ? 2 * rebin : rebin;
  return Math.max(unit, Math.round(length / unit) * unit);
}

export class RegionTool {
  /** state() gives the settings; change(settings, isDone) takes new ones; begin() is called before. */
  constructor(picture, { state, change, begin }) {
    Object.assign(this, { picture, state, change, begin });
    this.held = null;
  }

  /** What is under a point: 'n', 'se', ..., 'center', or null. */
  at(p) {
    const { top, left, height, width } = regionOf(this.state());
    const near = NEAR / this.picture.scale;
    const beyond = (from, value, length) => value >= from - near && value <= from + length + near;
    if (!beyond(top, p.y, height) || !beyond(left, p.x, width)) return null;
    const n = Math.abs(p.y - top) < near;
    const s = Math.abs(p.y - top - height) < near;
    const w = Math.abs(p.x - left) < near;
    const e = Math.abs(p.x - left - width) < near;
    const edge = (n ? "n" : s ? "s" : "") + (w ? "w" : e ? "e" : "");
    return edge || "center";
  }

  cursor(p) {
    const found = this.at(p);
    if (!found) return null;
    return found === "center" ? "move" : `${found}-resize`;
  }

  down(p) {
    const found = this.at(p);
    if (!found) return false;
    this.begin();
    const { center, shape } = this.state();
    this.held = { found, p, center: [...center], shape: [...shape], moved: false };
    return true;
  }

  move(p) {
    const { found, p: from, center, shape } = this.held;
    const settings = this.state();
    this.held.moved = true;
    if (found === "center") {
      const snapped = (k, by) => {
        const whole = Math.round(center[k] + by);
        const most = this.picture[k ? "width" : "height"] - 1;
        return Math.min(Math.max(whole, 0), most);
      };
      const next = [snapped(0, p.y - from.y), snapped(1, p.x - from.x)];
      this.change({ ...settings, center: next }, false);
      return;
    }
    // Edges of both sides move: the region stays about the centre.
    const size = [...shape];
    if (/[ns]/.test(found)) size[0] = fitting(2 * Math.abs(p.y - center[0] - 0.5), settings.rebin);
    if (/[we]/.test(found)) size[1] = fitting(2 * Math.abs(p.x - center[1] - 0.5), settings.rebin);
    if (found.length === 2) {
      const factor = Math.max(size[0] / shape[0], size[1] / shape[1]);
      size[0] = fitting(factor * shape[0], settings.rebin);
      size[1] = fitting(factor * shape[1], settings.rebin);
    }
    this.change({ ...settings, shape: size }, false);
  }

  up() {
    this.change(this.state(), true);
    this.held = null;
  }
}

/** Draw region and centre over a picture. */
export function drawRegion(context, picture, settings, isActive) {
  const { top, left, height, width } = regionOf(settings);
  const [y, x] = picture.onScreen(top, left);
  const [h, w] = [height * picture.scale, width * picture.scale];
  context.save();
  context.fillStyle = "rgba(8, 12, 16, 0.42)";
  context.beginPath();
  const [oy, ox] = picture.onScreen(0, 0);
  context.rect(ox, oy, picture.width * picture.scale, picture.height * picture.scale);
  context.rect(x, y, w, h);
  context.fill("evenodd");
  for (const [line, colour] of [
    [3, "rgba(8, 12, 16, 0.55)"],
    [1.5, "#53d0f5"],
  ]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.strokeRect(x, y, w, h);
  }
  if (isActive) {
    context.fillStyle = "#53d0f5";
    for (const across of [0, 0.5, 1]) {
      for (const down of [0, 0.5, 1]) {
        if (across === 0.5 && down === 0.5) continue;
        context.fillRect(x + across * w - 4, y + down * h - 4, 8, 8);
      }
    }
  }
  const [cy, cx] = picture.onScreen(settings.center[0] + 0.5, settings.center[1] + 0.5);
  for (const [line, colour] of [
    [4, "rgba(8, 12, 16, 0.6)"],
    [1.8, "#ffd166"],
  ]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.beginPath();
    for (const [dy, dx] of [
      [0, 1],
      [1, 0],
    ]) {
      for (const sign of [-1, 1]) {
        context.moveTo(cx + sign * dx * 5, cy + sign * dy * 5);
        context.lineTo(cx + sign * dx * 15, cy + sign * dy * 15);
      }
    }
    context.moveTo(cx + 10, cy);
    context.arc(cx, cy, 10, 0, 7);
    context.stroke();
  }
  context.restore();
}
