// The raw frame, and what is drawn on it.

import { pixel } from "./colours.js";
import { byId } from "./common.js";
import { Contrast } from "./contrast.js";
import { drawBrush } from "./mask.js";
import * as paint from "./paint.js";
import { Picture, drawScaleBar, short } from "./picture.js";
import { UNTRUSTED, state } from "./preparation_state.js";
import { drawRegion } from "./region.js";

export const contrast = new Contrast(byId("contrast"), () => {
  makeTable();
  picture.request();
});
let table = null;

function makeTable() {
  if (!state.base) return;
  state.axis = paint.axisOf(state.base, { log: state.log });
  table = paint.makeTable(state.axis, contrast.window, "magma", { nothing: pixel(30, 62, 52) });
}

export function setContrast() {
  if (!state.base) return;
  state.axis = paint.axisOf(state.base, { log: state.log });
  const counts = paint.histogram(trustedCodes(), state.axis, Contrast.bins, true);
  const [low, high] = paint.quantiles(counts, [0.002, state.log ? 0.9997 : 0.995]);
  contrast.set({
    counts,
    window: [low, Math.max(high, low + 0.02)],
    write: (share) => short(valueAt(share), 3),
  });
  makeTable();
}

/** The codes of what is shown, without those that the mask does not trust. */
function trustedCodes() {
  const { base, mask } = state;
  const marked = mask.blocks(base.part.step);
  return base.codes.map((code, k) => (marked[k] ? 0 : code));
}

function valueAt(share) {
  const { low, high, gain } = state.base;
  return low + (state.log ? paint.unbent(share, high - low, gain) : share * (high - low));
}

function paintPicture(out, view) {
  if (!state.base) return;
  paint.paintCodes(out, view, state.base, state.base.codes, table);
  const { detail } = state;
  if (detail && detail.part.step < state.base.part.step) {
    // Its codes are of another range: a table of its own, for the same numbers.
    paint.paintCodes(out, view, detail, detail.codes, detailTable());
  }
  if (state.mask) {
    const step = Math.max(1, Math.floor(1 / view.scale));
    const marked = state.mask.blocks(step);
    paint.paintMask(out, view, marked, [state.mask.rows, state.mask.columns], step, UNTRUSTED);
  }
}

let detailed = { key: null, table: null };

function detailTable() {
  const { base, detail } = state;
  const key = `${detail.number} ${contrast.window} ${state.log} ${base.high}`;
  if (detailed.key === key) return detailed.table;
  const axis = new Float32Array(paint.CODES);
  const most = base.high - base.low;
  for (let k = 1; k < paint.CODES; k++) {
    const value = Math.max(paint.valueOf(detail, k) - base.low, 0);
    axis[k] = state.log ? Math.log1p(base.gain * value) / Math.log1p(base.gain * most) : value / most;
  }
  const table = paint.makeTable(axis, contrast.window, "magma", { nothing: pixel(30, 62, 52) });
  detailed = { key, table };
  return table;
}

function drawOver(context, shown) {
  if (!state.settings) return;
  drawRegion(context, shown, state.settings, state.tool === "region");
  drawScaleBar(context, shown, 1, "px");
  if (state.tool === "mask" && state.pointer) {
    drawBrush(context, shown, state.pointer, Number(byId("radius").value));
  }
}

export const picture = new Picture(byId("picture"), {
  paint: paintPicture,
  draw: drawOver,
  onView: () => state.onView(),
  onHover: (p) => {
    state.pointer = p;
    tellPixel(p);
    if (state.tool === "mask") picture.request();
  },
});
state.picture = picture;

function tellPixel(p) {
  const readout = byId("readout");
  const [y, x] = p ? [Math.floor(p.y), Math.floor(p.x)] : [-1, -1];
  if (!state.base || y < 0 || x < 0 || y >= picture.height || x >= picture.width) {
    readout.textContent = "";
    return;
  }
  const image = [state.detail, state.base].find((one) => one && codeAt(one, y, x) !== undefined);
  const code = image && codeAt(image, y, x);
  const isTrusted = state.mask.trusted[y * picture.width + x];
  const value = code ? `${short(paint.valueOf(image, code), 4)} counts` : "no counts";
  readout.textContent = `y ${y}  x ${x}   ${isTrusted ? value : "not trusted"}`;
}

function codeAt(image, y, x) {
  const { top, left, step } = image.part;
  const [row, column] = [Math.floor((y - top) / step), Math.floor((x - left) / step)];
  if (row < 0 || column < 0 || row >= image.shape[0] || column >= image.shape[1]) return undefined;
  return image.codes[row * image.shape[1] + column];
}
