// The picture of a mode: where, how bright, in which colours.

import { byId } from "./common.js";
import { Contrast } from "./contrast.js";
import * as paint from "./paint.js";
import { Picture, drawScaleBar, short } from "./picture.js";
import { state, storageOf } from "./result_state.js";

export const contrast = new Contrast(byId("contrast"), () => {
  makeTables();
  picture.request();
});
let tables = null;
// Windows that were chosen by hand, by what is shown.
const windows = new Map();

function windowKey() {
  return `${state.layer.kind} ${state.shows}`;
}

function codesOf(image) {
  return state.shows === "phase" ? image.phases : image.codes;
}

function makeTables() {
  if (!state.base) return;
  if (contrast.byHand) windows.set(windowKey(), [...contrast.window]);
  else windows.delete(windowKey());
  const name = state.maps[state.shows];
  const isPhase = state.shows === "phase";
  const axis = paint.axisOf(state.base, { phase: isPhase });
  tables =
    state.shows === "complex"
      ? { field: paint.makeField(axis, contrast.window, name) }
      : { codes: paint.makeTable(axis, contrast.window, name) };
  tables.of = state.base;
}

/** Tables for a detail, whose amplitudes are coded by another maximum. */
function tablesFor(image) {
  if (image.high === state.base.high || state.shows === "phase") return tables;
  const factor = image.high / state.base.high;
  const axis = new Float32Array(paint.CODES);
  for (let k = 0; k < paint.CODES; k++) axis[k] = (k / (paint.CODES - 1)) * factor;
  const name = state.maps[state.shows];
  return state.shows === "complex"
    ? { field: paint.makeField(axis, contrast.window, name) }
    : { codes: paint.makeTable(axis, contrast.window, name) };
}

export function setContrast() {
  const image = state.base;
  if (!image) return;
  const isPhase = state.shows === "phase";
  const axis = paint.axisOf(image, { phase: isPhase });
  const counts = paint.histogram(codesOf(image), axis, Contrast.bins, false);
  // Rims of an object are noise of any phase: what most pixels have is shown, and a bit more.
  const isObject = state.layer.kind === "obj";
  let [low, high] = paint.quantiles(counts, isObject ? [0.02, 0.98] : [0.002, 0.999]);
  if (isObject) {
    const margin = 0.1 * (high - low);
    [low, high] = [Math.max(low - margin, 0), Math.min(high + margin, 1)];
  }
  const byHand = windows.get(windowKey());
  contrast.byHand = Boolean(byHand);
  if (byHand) contrast.window = [...byHand];
  const from = state.shows === "complex" ? 0 : low;
  contrast.set({
    counts,
    window: [from, Math.max(high, from + 0.02)],
    name: state.shows === "complex" ? "grey" : state.maps[state.shows],
    write: (share) =>
      isPhase ? `${((share - 0.5) * 2 * Math.PI).toFixed(2)} rad` : short(share * image.high, 3),
  });
  makeTables();
}

function paintOne(out, view, image) {
  const { codes, field } = tablesFor(image);
  if (codes) paint.paintCodes(out, view, image, codesOf(image), codes);
  else paint.paintComplex(out, view, image, field);
}

function paintPicture(out, view) {
  if (!state.base || !tables) return;
  paintOne(out, view, state.base);
  const { base, detail } = state;
  if (detail && detail.part.step < base.part.step) paintOne(out, view, detail);
}

function drawOver(context, shown) {
  const storage = storageOf(state.layer);
  if (storage) drawScaleBar(context, shown, storage.pixel[1], "m");
}

export const picture = new Picture(byId("picture"), {
  paint: paintPicture,
  draw: drawOver,
  onView: () => state.onView(),
  onHover: tellPixel,
});
state.picture = picture;

function tellPixel(p) {
  const readout = byId("readout");
  const storage = storageOf(state.layer);
  const [y, x] = p ? [Math.floor(p.y), Math.floor(p.x)] : [-1, -1];
  if (!state.base || !storage || y < 0 || x < 0 || y >= picture.height || x >= picture.width) {
    readout.textContent = "";
    return;
  }
  for (const image of [state.detail, state.base]) {
    if (!image) continue;
    const { top, left, step } = image.part;
    const [row, column] = [Math.floor((y - top) / step), Math.floor((x - left) / step)];
    if (row < 0 || column < 0 || row >= image.shape[0] || column >= image.shape[1]) continue;
    const at = row * image.shape[1] + column;
    const phase = (image.phases[at] / paint.CODES - 0.5) * 2 * Math.PI;
    const amplitude = short(paint.valueOf(image, image.codes[at]), 3);
    readout.textContent = `y ${y}  x ${x}   ${amplitude} · ${phase.toFixed(3)} rad`;
    return;
  }
}
