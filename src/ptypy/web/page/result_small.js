// The small things of the page of a result: pictures of modes, the circle of hues, the ramp of colours.

import { colours, pixel } from "./colours.js";
import { byId } from "./common.js";
import * as paint from "./paint.js";
import { short } from "./picture.js";

/** Paint the small picture of a mode: the phase of an object, all of a probe. */
export function paintThumb(canvas, image, kind) {
  const style = getComputedStyle(canvas);
  const ground = pixel(...style.getPropertyValue("--ground-bytes").trim().split(" ").map(Number));
  const axis = paint.axisOf(image, { phase: kind === "obj" });
  const codes = kind === "obj" ? image.phases : image.codes;
  const [low, high] = paint.quantiles(paint.histogram(codes, axis, 200, false), [0.005, 0.995]);
  const table = paint.makeTable(axis, [low, Math.max(high, low + 0.02)], "grey");
  const field = paint.makeField(axis, [0, high], "hue");
  paint.paintInto(
    canvas,
    image,
    (out, view, whole) => {
      if (kind === "obj") paint.paintCodes(out, view, whole, codes, table);
      else paint.paintComplex(out, view, whole, field);
    },
    ground,
  );
}

/** Draw the circle of hues, with the phases around it. */
export function drawWheel(canvas, name) {
  const context = canvas.getContext("2d");
  const map = colours(name);
  const size = canvas.width;
  const pixels = context.createImageData(size, size);
  const out = new Uint32Array(pixels.data.buffer);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dy, dx] = [size / 2 - y - 0.5, x + 0.5 - size / 2];
      const far = Math.hypot(dy, dx) / (size / 2);
      if (far > 1) continue;
      const turn = Math.atan2(dy, dx) / (2 * Math.PI) + 0.5;
      const at = 3 * (Math.floor(turn * 256) & 255);
      out[y * size + x] = pixel(map[at] * far, map[at + 1] * far, map[at + 2] * far);
    }
  }
  context.putImageData(pixels, 0, 0);
}

/** Draw the colours of a scatter plot, and what their ends stand for. */
export function drawRamp(scatter) {
  byId("ramp-low").textContent = short(scatter.shown[0], 3);
  byId("ramp-high").textContent = short(scatter.shown[1], 3);
  const context = byId("ramp-strip").getContext("2d");
  const map = colours(scatter.name);
  for (let x = 0; x < 256; x++) {
    context.fillStyle = `rgb(${map[3 * x]}, ${map[3 * x + 1]}, ${map[3 * x + 2]})`;
    context.fillRect(x, 0, 1, 8);
  }
}
