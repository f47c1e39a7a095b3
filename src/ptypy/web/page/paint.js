// Codes of 16 bits to pixels of a screen. All that changes while one looks (place, zoom, contrast,
// colours) happens here, without a word to the server.

import { colours, pixel } from "./colours.js";

export const CODES = 65536;

let images = 0;

/** An array that the server sent: { part, shape, kind, codes, phases, low, high, gain }. */
export function readImage({ head, buffer, begin }) {
  const [height, width] = head.shape;
  const count = height * width;
  const image = { ...head, number: ++images, codes: new Uint16Array(buffer, begin, count) };
  if (head.kind === "complex") {
    image.phases = new Uint16Array(buffer, begin + 2 * count, count);
    image.low = 0;
  }
  if (!image.part) image.part = { top: 0, left: 0, height, width, step: 1 };
  return image;
}

/** What a share of the axis of log(1 + gain * value) stands for. */
export function unbent(share, range, gain) {
  return Math.expm1(share * Math.log1p(gain * range)) / gain;
}

/** What a code of a real image stands for. */
export function valueOf(image, code) {
  if (image.kind === "complex") return (code / (CODES - 1)) * image.high;
  const share = (code - 1) / (CODES - 2);
  const range = image.high - image.low;
  return image.low + (image.gain ? unbent(share, range, image.gain) : share * range);
}

/** For every column of the screen, the column of an image under it; -1 where there is none. */
export function lineUp(length, origin, scale, first, step, count) {
  const map = new Int32Array(length);
  for (let k = 0; k < length; k++) {
    const at = Math.floor((origin + (k + 0.5) / scale - first) / step);
    map[k] = at >= 0 && at < count ? at : -1;
  }
  return map;
}

/** Rows and columns of an image under those of a screen { width, height, x, y, scale }. */
export function place(view, image) {
  const { part, shape } = image;
  return {
    rows: lineUp(view.height, view.y, view.scale, part.top, part.step, shape[0]),
    columns: lineUp(view.width, view.x, view.scale, part.left, part.step, shape[1]),
  };
}

function span(map) {
  let first = 0;
  while (first < map.length && map[first] < 0) first++;
  let stop = map.length;
  while (stop > first && map[stop - 1] < 0) stop--;
  return [first, stop];
}

/** Paint codes by a table of 65536 colours; a colour 0 leaves what was there. */
export function paintCodes(out, view, image, codes, table) {
  const { rows, columns } = place(view, image);
  const [left, right] = span(columns);
  const width = image.shape[1];
  let above = -2;
  for (let y = 0; y < view.height; y++) {
    const row = rows[y];
    if (row < 0) {
      above = -2;
      continue;
    }
    const to = y * view.width;
    if (row === above) {
      // The same row of the image as the line above: copied, which is quicker.
      out.copyWithin(to + left, to - view.width + left, to - view.width + right);
      continue;
    }
    above = row;
    const from = row * width;
    for (let x = left; x < right; x++) out[to + x] = table[codes[from + columns[x]]];
  }
}

const LEVELS = 128;

/** Make the colours of complex numbers: 256 hues of 128 levels of brightness, and those of codes. */
export function makeField(axis, [low, high], name) {
  const map = colours(name);
  const table = new Uint32Array(LEVELS * 256);
  for (let level = 0; level < LEVELS; level++) {
    const light = level / (LEVELS - 1);
    for (let hue = 0; hue < 256; hue++) {
      table[level * 256 + hue] = pixel(
        map[3 * hue] * light,
        map[3 * hue + 1] * light,
        map[3 * hue + 2] * light,
      );
    }
  }
  const levels = new Uint16Array(CODES);
  const factor = 1 / Math.max(high - low, 1e-6);
  for (let k = 0; k < CODES; k++) {
    const light = Math.min(Math.max((axis[k] - low) * factor, 0), 1);
    levels[k] = Math.round(light * (LEVELS - 1)) << 8;
  }
  return { table, levels };
}

/** Paint complex numbers: the phase as hue, the amplitude as brightness. */
export function paintComplex(out, view, image, { table, levels }) {
  const { rows, columns } = place(view, image);
  const [left, right] = span(columns);
  const width = image.shape[1];
  const { codes, phases } = image;
  let above = -2;
  for (let y = 0; y < view.height; y++) {
    const row = rows[y];
    if (row < 0) {
      above = -2;
      continue;
    }
    const to = y * view.width;
    if (row === above) {
      out.copyWithin(to + left, to - view.width + left, to - view.width + right);
      continue;
    }
    above = row;
    const from = row * width;
    for (let x = left; x < right; x++) {
      const at = from + columns[x];
      out[to + x] = table[levels[codes[at]] | (phases[at] >> 8)];
    }
  }
}

/** Where codes lie between black and white before contrast: 0 ... 1, for all codes. */
export function axisOf(image, { log = false, phase = false } = {}) {
  const axis = new Float32Array(CODES);
  if (phase) for (let k = 0; k < CODES; k++) axis[k] = k / CODES;
  else if (image.kind === "complex") for (let k = 0; k < CODES; k++) axis[k] = k / (CODES - 1);
  else {
    const bend = Math.log1p((image.gain || 1) * (image.high - image.low));
    const most = Math.expm1(bend) || 1;
    for (let k = 1; k < CODES; k++) {
      const share = (k - 1) / (CODES - 2);
      if (Boolean(image.gain) === log) axis[k] = share;
      else if (image.gain) axis[k] = Math.expm1(share * bend) / most;
      else axis[k] = Math.log1p(share * most) / Math.log1p(most);
    }
  }
  return axis;
}

/** Make a table of colours for codes; `nothing` is the colour of code 0 if it means that. */
export function makeTable(axis, [low, high], name, { nothing = null, inverted = false } = {}) {
  const map = colours(name);
  const table = new Uint32Array(CODES);
  const factor = 255.999 / Math.max(high - low, 1e-6);
  for (let k = 0; k < CODES; k++) {
    let at = (axis[k] - low) * factor;
    at = at < 0 ? 0 : at > 255 ? 255 : Math.floor(at);
    if (inverted) at = 255 - at;
    table[k] = pixel(map[3 * at], map[3 * at + 1], map[3 * at + 2]);
  }
  if (nothing !== null) table[0] = nothing;
  return table;
}

/** Count codes along an axis, in so many bins; without those that mean nothing. */
export function histogram(codes, axis, bins, skipsZero) {
  const counts = new Float64Array(bins);
  const stride = Math.max(1, Math.floor(codes.length / 400000));
  for (let k = 0; k < codes.length; k += stride) {
    const code = codes[k];
    if (skipsZero && code === 0) continue;
    counts[Math.min(bins - 1, Math.floor(axis[code] * bins))]++;
  }
  return counts;
}

/** Where shares of all counts lie, 0 ... 1. */
export function quantiles(counts, shares) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  return shares.map((share) => {
    let sum = 0;
    for (let k = 0; k < counts.length; k++) {
      sum += counts[k];
      if (sum >= share * total) return (k + (share > 0.5 ? 1 : 0)) / counts.length;
    }
    return 1;
  });
}

/** Tint pixels under which blocks of a mask are marked. */
export function paintMask(out, view, marked, shape, step, [r, g, b]) {
  const rows = lineUp(view.height, view.y, view.scale, 0, step, shape[0]);
  const columns = lineUp(view.width, view.x, view.scale, 0, step, shape[1]);
  const [left, right] = span(columns);
  for (let y = 0; y < view.height; y++) {
    if (rows[y] < 0) continue;
    const from = rows[y] * shape[1];
    const to = y * view.width;
    for (let x = left; x < right; x++) {
      if (!marked[from + columns[x]]) continue;
      const under = out[to + x];
      const red = ((under & 255) + 2 * r) / 3;
      const green = (((under >> 8) & 255) + 2 * g) / 3;
      const blue = (((under >> 16) & 255) + 2 * b) / 3;
      out[to + x] = (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
    }
  }
}

/** Paint a whole image into a canvas, as large as it fits; gives where: { x, y, scale }. */
export function paintInto(canvas, image, table, ground) {
  const [height, width] = image.shape;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const view = {
    width: canvas.width,
    height: canvas.height,
    x: (width - canvas.width / scale) / 2,
    y: (height - canvas.height / scale) / 2,
    scale,
  };
  const context = canvas.getContext("2d", { alpha: false });
  const pixels = context.createImageData(canvas.width, canvas.height);
  const out = new Uint32Array(pixels.data.buffer).fill(ground);
  const whole = { ...image, part: { top: 0, left: 0, height, width, step: 1 } };
  if (typeof table === "function") table(out, view, whole);
  else paintCodes(out, view, whole, image.codes, table);
  context.putImageData(pixels, 0, 0);
  return view;
}
