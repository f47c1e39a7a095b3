// The page of the preparation: what is chosen here becomes region, centre, orientation, rebinning and
// mask of a scan.

import { byId, choice, chooseTheme, makeStatus, tellConnection } from "./common.js";
import { Contrast } from "./contrast.js";
import { Link, latest, settled } from "./link.js";
import { BrushTool, Mask, drawBrush, unfoldBits } from "./mask.js";
import * as paint from "./paint.js";
import { Picture, drawScaleBar, short } from "./picture.js";
import { drawPrepared, makeTiles, paintTiles } from "./prepared.js";
import { RegionTool, drawRegion, fitting } from "./region.js";
import { pixel } from "./colours.js";
import { Scatter } from "./scatter.js";

const UNTRUSTED = [232, 72, 96];
const BASE = 1100;

const link = new Link();
const say = makeStatus(byId("status"));
const state = {
  scan: null,
  settings: null,
  of: "mean",
  frame: 0,
  tool: "region",
  log: true,
  brush: "draw",
  base: null,
  detail: null,
  mask: null,
  pointer: null,
  undo: [],
  isChanged: false,
};
// For whoever drives the page from outside: what it holds, as it is.
window.preparation = state;

tellConnection(link, byId("connection"));

// The picture ------------------------------------------------------------------------------------

const contrast = new Contrast(byId("contrast"), () => {
  makeTable();
  picture.request();
});
let table = null;

function makeTable() {
  if (!state.base) return;
  state.axis = paint.axisOf(state.base, { log: state.log });
  table = paint.makeTable(state.axis, contrast.window, "magma", { nothing: pixel(90, 44, 60) });
}

function setContrast() {
  if (!state.base) return;
  state.axis = paint.axisOf(state.base, { log: state.log });
  const counts = paint.histogram(state.base.codes, state.axis, Contrast.bins, true);
  const [low, high] = paint.quantiles(counts, [0.002, state.log ? 0.9999 : 0.995]);
  contrast.set({
    counts,
    window: [low, Math.max(high, low + 0.02)],
    write: (share) => short(valueAt(share), 3),
  });
  makeTable();
}

function valueAt(share) {
  const { low, high } = state.base;
  if (!state.log) return low + share * (high - low);
  return low + Math.expm1(share * Math.log1p(high - low));
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

function detailTable() {
  const { base, detail } = state;
  const axis = new Float32Array(paint.CODES);
  const most = base.high - base.low;
  for (let k = 1; k < paint.CODES; k++) {
    const value = Math.max(paint.valueOf(detail, k) - base.low, 0);
    axis[k] = state.log ? Math.log1p(value) / Math.log1p(most) : value / most;
  }
  return paint.makeTable(axis, contrast.window, "magma", { nothing: pixel(90, 44, 60) });
}

function drawOver(context, shown) {
  if (!state.settings) return;
  drawRegion(context, shown, state.settings, state.tool === "region");
  drawScaleBar(context, shown, 1, "px");
  if (state.tool === "mask" && state.pointer) {
    drawBrush(context, shown, state.pointer, Number(byId("radius").value));
  }
}

const picture = new Picture(byId("picture"), {
  paint: paintPicture,
  draw: drawOver,
  onView: () => askDetail(),
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

// Questions --------------------------------------------------------------------------------------

function complain(error) {
  byId("trouble").textContent = error.message;
}

const askBase = latest(async () => {
  try {
    const [height, width] = state.scan.shape;
    const step = Math.max(1, Math.ceil(Math.max(height, width) / BASE));
    const { of } = state;
    const answer = await link.ask("image", { of, part: [0, 0, height, width, step] });
    const image = paint.readImage(answer);
    if (image.of !== state.of) return;
    state.base = image;
    state.detail = null;
    byId("frame-told").textContent =
      image.photons === undefined ? "" : `${short(image.photons, 4)} counts`;
    setContrast();
    picture.request();
    askDetail();
    askHot();
    byId("trouble").textContent = "";
  } catch (error) {
    complain(error);
  }
});

const askDetail = latest(async () => {
  const step = picture.step();
  if (!state.base || step >= state.base.part.step) return;
  const { of } = state;
  const answer = await link.ask("image", { of, part: [...picture.visible(), step] }).catch(() => null);
  if (!answer || state.of !== of) return;
  state.detail = paint.readImage(answer);
  picture.request();
});

const askPreview = latest(async () => {
  if (!state.settings) return;
  try {
    const { of, settings } = state;
    const answer = await link.ask("preview", { of, settings });
    const image = paint.readImage(answer);
    drawPrepared(byId("prepared"), image, UNTRUSTED);
    state.prepared = image;
    byId("fact-shape").textContent = `${image.whole[0]} × ${image.whole[1]}`;
    byId("fact-center").textContent = image.center.map((n) => short(n, 5)).join(", ");
    byId("fact-mask").textContent = `${short(image.untrusted)} px`;
    byId("fact-counts").textContent = `up to ${short(image.high, 4)}`;
    byId("prepared-told").textContent =
      of === "mean" || of === "maximum" ? `the ${of}` : `frame ${of}`;
    tellNotes(image.notes);
    byId("trouble").textContent = "";
  } catch (error) {
    complain(error);
  }
});

const askTiles = latest(async () => {
  if (!state.settings) return;
  const { of, settings } = state;
  const answer = await link.ask("orientations", { of, settings }).catch(() => null);
  if (answer) paintTiles(byId("orientations"), answer, UNTRUSTED);
});
const tilesSoon = settled(() => askTiles(), 120);

const askHot = latest(async () => {
  const above = Number(byId("hot").value);
  const button = byId("hot-mask");
  if (byId("hot").value === "" || !state.mask) {
    byId("hot-count").textContent = "0";
    button.disabled = true;
    return;
  }
  const answer = await link.ask("hot", { of: state.of, above }).catch(() => null);
  if (!answer) return;
  const count = state.mask.trusted.length;
  state.hot = unfoldBits(answer.buffer, answer.begin, count);
  byId("hot-count").textContent = short(answer.head.count);
  button.disabled = answer.head.count === 0;
});

const drawingDone = latest(async (part) => {
  const answer = await link.ask("draw", { part }, state.mask.bits(part)).catch(complain);
  if (!answer) return;
  askPreview();
  tilesSoon();
  askHot();
});

async function openScan(label) {
  say("loading …", "busy");
  try {
    const answer = await link.ask("scan", label === undefined ? {} : { label });
    const isOther = !state.scan || state.scan.label !== answer.head.label;
    state.scan = answer.head;
    const mask = await link.ask("mask");
    const [height, width] = state.scan.shape;
    state.mask = new Mask(height, width, unfoldBits(mask.buffer, mask.begin, height * width));
    if (isOther) {
      begin(answer);
      lookForCenter(state.scan);
    }
    picture.setWhole(height, width);
    askBase();
    askPreview();
    tilesSoon();
    say("");
  } catch (error) {
    say("");
    complain(error);
  }
}

function begin({ buffer, begin: first, head }) {
  state.settings = head.settings;
  findsCenter = head.finds_center;
  state.of = "mean";
  state.undo = [];
  state.isChanged = false;
  byId("path").textContent = `\u200e${head.path}`;
  document.title = `${head.path.split("/").pop()} – preparation`;
  const scans = byId("scans");
  scans.replaceChildren(...head.scans.map((name) => new Option(name, name)));
  scans.value = head.label;
  scans.hidden = head.scans.length < 2;
  byId("save").disabled = false;
  byId("save").textContent = head.branch ? "Save to config" : "Show settings";
  for (const id of ["frame", "frame-number"]) byId(id).max = String(head.count - 1);
  const points = new Float64Array(buffer, first, 2 * head.positions);
  byId("positions-told").textContent = `${short(head.count)} frames`;
  scatter.set({
    points,
    values: [],
    chosen: -1,
    message: "this file says nothing of positions:\nname them in a config",
  });
  chooseWhich("mean");
  showSettings();
  tellSample(head);
}

// Settings ---------------------------------------------------------------------------------------

function showSettings() {
  const { shape, center, orientation, rebin } = state.settings;
  const show = (id, value) => {
    if (document.activeElement !== byId(id)) byId(id).value = String(+value.toFixed(2));
  };
  show("rows", shape[0]);
  show("columns", shape[1]);
  show("center-y", center[0]);
  show("center-x", center[1]);
  const fits = [];
  for (let n = 1; n <= 32; n++) if (shape.every((length) => length % n === 0)) fits.push(n);
  byId("rebin").replaceChildren(...fits.map((n) => new Option(n === 1 ? "1 (no)" : `${n} × ${n}`, n)));
  if (!fits.includes(rebin)) byId("rebin").prepend(new Option(`${rebin} (does not fit)`, rebin));
  byId("rebin").value = String(rebin);
  chooseOrientation(orientation, false);
  byId("orientation-told").textContent = ORIENTATIONS[orientation];
  byId("undo").disabled = state.undo.length === 0;
  picture.request();
}

const ORIENTATIONS = [
  "as it is",
  "columns inverted",
  "rows inverted",
  "rows and columns inverted",
  "transposed",
  "transposed, columns inverted",
  "transposed, rows inverted",
  "transposed, both inverted",
];

function remember(step) {
  state.undo.push(step);
  if (state.undo.length > 100) state.undo.shift();
  state.isChanged = true;
  byId("undo").disabled = false;
}

function rememberSettings() {
  const { shape, center, ...others } = state.settings;
  remember({ settings: { shape: [...shape], center: [...center], ...others } });
}

function take(settings, { tiles = true, isDone = true } = {}) {
  state.settings = settings;
  showSettings();
  askPreview();
  if (tiles && isDone) tilesSoon();
}

function undo() {
  const step = state.undo.pop();
  if (!step) return;
  if (step.settings) take(step.settings);
  else {
    state.mask.put(step.mask);
    picture.request();
    drawingDone(step.mask.part);
  }
  byId("undo").disabled = state.undo.length === 0;
}

async function findCenter(byHand = true) {
  try {
    say("finding the centre …", "busy");
    const { head } = await link.ask("center");
    if (byHand) rememberSettings();
    take({ ...state.settings, center: head.center.map((n) => Math.round(n * 100) / 100) });
    say(byHand ? "the centre is where the counts of the mean have theirs" : "", "good", 5000);
  } catch (error) {
    say("");
    complain(error);
  }
}

const chooseOrientation = makeTiles(byId("orientations"), (value) => {
  rememberSettings();
  take({ ...state.settings, orientation: Number(value) }, { tiles: false });
});

byId("rebin").addEventListener("change", () => {
  rememberSettings();
  take({ ...state.settings, rebin: Number(byId("rebin").value) }, { tiles: false });
});
for (const [id, name, k] of [
  ["rows", "shape", 0],
  ["columns", "shape", 1],
  ["center-y", "center", 0],
  ["center-x", "center", 1],
]) {
  byId(id).addEventListener("change", () => {
    const value = Number(byId(id).value);
    if (!Number.isFinite(value) || byId(id).value === "") return showSettings();
    rememberSettings();
    const pair = [...state.settings[name]];
    pair[k] = name === "shape" ? Math.max(1, Math.round(value)) : value;
    take({ ...state.settings, [name]: pair });
  });
}
byId("find").addEventListener("click", () => findCenter());
byId("undo").addEventListener("click", undo);

// Tools ------------------------------------------------------------------------------------------

const regionTool = new RegionTool(picture, {
  state: () => state.settings,
  begin: rememberSettings,
  change: (settings, isDone) => take(settings, { isDone }),
});
const brushTool = new BrushTool(picture, {
  mask: () => state.mask,
  options: () => ({ width: Number(byId("radius").value), value: state.brush === "erase" ? 1 : 0 }),
  done: (before, part) => {
    remember({ mask: before });
    drawingDone(part);
  },
});

const chooseTool = choice(byId("tools"), (tool) => {
  state.tool = tool;
  picture.tool = { look: null, region: regionTool, mask: brushTool }[tool];
  for (const name of ["look", "region", "mask"]) byId(`options-${name}`).hidden = name !== tool;
  picture.request();
});
const chooseBrush = choice(byId("brush"), (brush) => (state.brush = brush));

function showRadius() {
  byId("radius-told").textContent = `${byId("radius").value} px`;
  picture.request();
}
byId("radius").addEventListener("input", showRadius);
byId("hot").addEventListener("input", settled(() => askHot(), 120));
byId("hot-mask").addEventListener("click", async () => {
  const { mask, hot } = state;
  const part = [0, 0, mask.height, mask.width];
  remember({ mask: mask.copy(part) });
  for (let k = 0; k < hot.length; k++) if (hot[k]) mask.trusted[k] = 0;
  mask.reduce(...part);
  picture.request();
  say(`${byId("hot-count").textContent} hot pixels are not trusted any more`, "good", 5000);
  drawingDone(part);
});

// Which picture ----------------------------------------------------------------------------------

function show(of) {
  state.of = of;
  askBase();
  askPreview();
  tilesSoon();
}

const chooseWhich = choice(byId("which"), (which) => {
  if (which === "frame") showFrame(state.frame);
  else {
    scatter.set({ chosen: -1 });
    show(which);
  }
});

function showFrame(number) {
  const most = state.scan.count - 1;
  state.frame = Math.min(Math.max(Math.round(number) || 0, 0), most);
  byId("frame").value = String(state.frame);
  byId("frame-number").value = String(state.frame);
  chooseWhich("frame", false);
  scatter.set({ chosen: state.frame });
  show(state.frame);
}

byId("frame").addEventListener("input", () => showFrame(Number(byId("frame").value)));
byId("frame-number").addEventListener("change", () => showFrame(Number(byId("frame-number").value)));

const chooseLog = choice(byId("log"), (value) => {
  state.log = value === "log";
  contrast.byHand = false;
  setContrast();
  picture.request();
});

const scatter = new Scatter(byId("positions"), (k) => showFrame(k));
state.scatter = scatter;
scatter.describe = (k) =>
  Number.isFinite(scatter.values[k]) ? `frame ${k}: ${short(scatter.values[k])} counts` : `frame ${k}`;

const askTotals = latest(async () => {
  const answer = await link.ask("totals").catch(() => null);
  if (!answer || !scatter.count) return;
  const values = new Float64Array(scatter.count).fill(NaN);
  answer.head.numbers.forEach((k, place) => (values[k] = answer.head.totals[place]));
  byId("positions-title").textContent = "Positions, coloured by counts";
  scatter.set({ values });
});

// Frames after which a centre that the config leaves open is looked for.
const ENOUGH = 40;
let isSampling = true;
let refreshed = 0;
let findsCenter = false;

function lookForCenter({ done, of }) {
  if (!findsCenter || done < Math.min(of, ENOUGH)) return;
  findsCenter = false;
  if (!state.isChanged) findCenter(false);
}

function tellSample({ done, of }) {
  const isDone = done >= of;
  byId("sample").value = of ? done / of : 0;
  byId("sample-told").textContent = `${short(done)} of ${short(of)} frames`;
  const all = state.scan && of < state.scan.count ? `, spread over all ${short(state.scan.count)}` : "";
  byId("sample-told").title = `mean and maximum are of ${done} frames${all}`;
  byId("sample-stop").hidden = isDone;
}

byId("sample-stop").addEventListener("click", async () => {
  isSampling = !isSampling;
  byId("sample-stop").textContent = isSampling ? "Stop" : "Go on";
  await link.ask("sampling", { on: isSampling }).catch(complain);
});

link.addEventListener("sample", ({ detail }) => {
  if (!state.scan) return;
  if (detail.error) {
    complain(new Error(detail.error));
    return;
  }
  tellSample(detail);
  lookForCenter(detail);
  if (state.of === "mean" || state.of === "maximum") {
    askBase();
    // The sample changes little from one piece of news to the next: what is prepared can wait.
    const isDone = detail.done >= detail.of;
    if (isDone || performance.now() - refreshed > 3000) {
      refreshed = performance.now();
      askPreview();
      if (isDone) tilesSoon();
    }
  }
  askTotals();
});

function tellNotes(notes) {
  const all = [...new Set([...state.scan.notes, ...notes])];
  byId("notes").replaceChildren(
    ...all.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

// Saving -----------------------------------------------------------------------------------------

byId("save").addEventListener("click", async () => {
  const button = byId("save");
  button.disabled = true;
  say("saving …", "busy");
  try {
    const { head } = await link.ask("save", { settings: state.settings });
    state.isChanged = false;
    if (head.saved && !head.advice) {
      say(`saved to ${head.saved}${head.mask ? `, the mask to ${head.mask}` : ""}`, "good");
    } else {
      byId("saved-title").textContent = head.saved ? `Saved to ${head.saved}` : "Settings";
      byId("saved-text").textContent = head.advice || "";
      byId("saved-lines").textContent = head.lines.join("\n");
      byId("saved").showModal();
      say(head.mask ? `the mask is in ${head.mask}` : "", "good");
    }
  } catch (error) {
    say("not saved", "bad");
    complain(error);
  }
  button.disabled = false;
});
byId("saved-copy").addEventListener("click", () => {
  navigator.clipboard.writeText(byId("saved-lines").textContent);
});
byId("scans").addEventListener("change", () => openScan(byId("scans").value));
window.addEventListener("beforeunload", (event) => {
  if (state.isChanged) event.preventDefault();
});

// Keys -------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const inField = event.target.matches("input:not([type=range]), select");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !inField) {
    event.preventDefault();
    undo();
    return;
  }
  if (inField || event.ctrlKey || event.metaKey || event.altKey || !state.scan) return;
  const width = byId("radius");
  const widen = (by) => {
    width.value = String(Number(width.value) + by);
    showRadius();
  };
  const keys = {
    l: () => chooseTool("look"),
    r: () => chooseTool("region"),
    m: () => chooseTool("mask"),
    d: () => (chooseTool("mask"), chooseBrush("draw")),
    e: () => (chooseTool("mask"), chooseBrush("erase")),
    "[": () => widen(-2),
    "]": () => widen(2),
    ",": () => showFrame(state.frame - 1),
    ".": () => showFrame(state.frame + 1),
    PageUp: () => showFrame(state.frame - 10),
    PageDown: () => showFrame(state.frame + 10),
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

chooseTool("region");
chooseBrush("draw");
chooseLog("log");
showRadius();
chooseTheme(byId("theme"), () => {
  picture.request();
  contrast.draw();
  scatter.draw();
});
link.addEventListener("state", ({ detail }) => {
  if (detail === "connected") openScan();
});
if (link.state === "connected") openScan();
