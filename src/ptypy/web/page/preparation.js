// The page of the preparation: what is chosen here becomes region, centre, orientation, rebinning and
// mask of a scan.

import "./saving.js";
import { byId, choice, chooseTheme } from "./common.js";
import { latest, settled } from "./link.js";
import { BrushTool, Mask, unfoldBits } from "./mask.js";
import * as paint from "./paint.js";
import { short } from "./picture.js";
import { BASE, UNTRUSTED, complain, link, say, state } from "./preparation_state.js";
import { drawPrepared, makeTiles, paintTiles } from "./prepared.js";
import { contrast, picture, setContrast } from "./raw.js";
import { RegionTool } from "./region.js";
import { followSample, lookForCenter, tellSample } from "./sampling.js";
import { Scatter } from "./scatter.js";

// Questions --------------------------------------------------------------------------------------

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
  const told = byId("prepared-told");
  const busy = setTimeout(() => (told.textContent = "preparing …"), 300);
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
    clearTimeout(busy);
    told.textContent = of === "mean" || of === "maximum" ? `the ${of}` : `frame ${of}`;
    tellNotes(image.notes);
    byId("trouble").textContent = "";
  } catch (error) {
    clearTimeout(busy);
    told.textContent = "";
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
  setContrast();
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
  state.findsCenter = head.finds_center;
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
    // What somebody is typing is left alone until it is done.
    if (!byId(id).dataset.typing) byId(id).value = String(+value.toFixed(2));
  };
  show("rows", shape[0]);
  show("columns", shape[1]);
  show("center-y", center[0]);
  show("center-x", center[1]);
  const factors = [];
  for (let n = 1; n <= 32; n++) if (n <= 8 || n === rebin || fits(shape, n)) factors.push(n);
  byId("rebin").replaceChildren(...factors.map((n) => new Option(nameOfRebin(n), n)));
  byId("rebin").value = String(rebin);
  chooseOrientation(orientation, false);
  byId("orientation-told").textContent = ORIENTATIONS[orientation];
  byId("undo").disabled = state.undo.length === 0;
  picture.request();
}

function fits(shape, rebin) {
  return shape.every((length) => length % rebin === 0);
}

function nameOfRebin(n) {
  if (n === 1) return "1 (no)";
  const { shape, rebin } = state.settings;
  if (fits(shape, n)) return `${n} × ${n}`;
  return n === rebin ? `${n} (does not fit)` : `${n} × ${n}, of ${filled(shape, n).join(" × ")}`;
}

/** The largest region within one that blocks of `rebin` pixels fill. */
function filled(shape, rebin) {
  return shape.map((length) => Math.max(rebin, Math.floor(length / rebin) * rebin));
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
  const rebin = Number(byId("rebin").value);
  const shape = filled(state.settings.shape, rebin);
  take({ ...state.settings, rebin, shape }, { tiles: !fits(state.settings.shape, rebin) });
});
for (const [id, name, k] of [
  ["rows", "shape", 0],
  ["columns", "shape", 1],
  ["center-y", "center", 0],
  ["center-x", "center", 1],
]) {
  byId(id).addEventListener("input", () => (byId(id).dataset.typing = "yes"));
  byId(id).addEventListener("change", () => {
    delete byId(id).dataset.typing;
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

followSample({
  findCenter: () => findCenter(false),
  showPicture: () => askBase(),
  showPrepared: () => askPreview(),
  showTiles: () => tilesSoon(),
});
state.onView = () => askDetail();
byId("scans").addEventListener("change", () => openScan(byId("scans").value));
link.addEventListener("trouble", ({ detail }) => complain(new Error(detail.text)));

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
