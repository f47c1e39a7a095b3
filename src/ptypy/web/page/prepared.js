// Frames as the server has prepared them: the one that is chosen, and all eight orientations of it.

import { choice } from "./common.js";
import { pixel } from "./colours.js";
import * as paint from "./paint.js";

const NOTHING = [30, 62, 52];

function tableOf(image, untrusted) {
  const axis = paint.axisOf(image, { log: true });
  const counts = paint.histogram(image.codes, axis, 200, true);
  const [low, high] = paint.quantiles(counts, [0.002, 0.9997]);
  const mixed = untrusted.map((n, k) => Math.round((2 * n + NOTHING[k]) / 3));
  return paint.makeTable(axis, [low, Math.max(high, low + 0.02)], "magma", { nothing: pixel(...mixed) });
}

function ground(element) {
  const bytes = getComputedStyle(element).getPropertyValue("--ground-bytes").trim();
  return pixel(...(bytes ? bytes.split(" ").map(Number) : [32, 36, 40]));
}

/** Draw the prepared frame, and its centre. */
export function drawPrepared(canvas, image, untrusted) {
  const view = paint.paintInto(canvas, image, tableOf(image, untrusted), ground(canvas));
  const context = canvas.getContext("2d");
  const y = ((image.center[0] + 0.5) / image.step - view.y) * view.scale;
  const x = ((image.center[1] + 0.5) / image.step - view.x) * view.scale;
  for (const [line, colour] of [
    [5, "rgba(8, 12, 16, 0.55)"],
    [2.5, "#ffd166"],
  ]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.beginPath();
    for (const sign of [-1, 1]) {
      context.moveTo(x + sign * 8, y);
      context.lineTo(x + sign * 22, y);
      context.moveTo(x, y + sign * 8);
      context.lineTo(x, y + sign * 22);
    }
    context.stroke();
  }
}

/** Make a button for each orientation; gives a function that chooses one. */
export function makeTiles(element, onChoose) {
  for (let k = 0; k < 8; k++) {
    const button = document.createElement("button");
    button.value = String(k);
    const canvas = document.createElement("canvas");
    canvas.width = 164;
    canvas.height = 140;
    const label = document.createElement("span");
    label.textContent = String(k);
    button.append(canvas, label);
    button.setAttribute("aria-label", `orientation ${k}`);
    element.append(button);
  }
  return choice(element, onChoose);
}

/** Paint the eight orientations that the server has prepared. */
export function paintTiles(element, { head, buffer, begin }, untrusted) {
  let at = begin;
  head.tiles.forEach((tile, k) => {
    const image = paint.readImage({ head: tile, buffer, begin: at });
    at += 2 * tile.shape[0] * tile.shape[1];
    const canvas = element.children[k].querySelector("canvas");
    paint.paintInto(canvas, image, tableOf(image, untrusted), ground(canvas));
  });
}
