// The page of a result: of a file, or of a run that goes on.

import { byId, choice, chooseTheme } from "./common.js";
import { Curves } from "./curves.js";
import { latest } from "./link.js";
import * as paint from "./paint.js";
import { metres, short } from "./picture.js";
import { contrast, picture, setContrast } from "./result_picture.js";
import { drawRamp, drawWheel, paintThumb } from "./result_small.js";
import { complain, link, say, state, storageOf } from "./result_state.js";
import { Scatter } from "./scatter.js";

const BASE = 1100;
const MOST_LAYERS = 24;
const MAPS = {
  phase: ["grey", "twilight", "viridis", "hue"],
  amplitude: ["grey", "viridis", "magma"],
  complex: ["hue", "twilight"],
};

// Questions --------------------------------------------------------------------------------------

function words() {
  const { kind, id, layer } = state.layer;
  return { kind, storage: id, layer, level: kind === "obj" && byId("level").checked };
}

const askBase = latest(async () => {
  const storage = storageOf(state.layer);
  if (!storage) return;
  try {
    const [height, width] = storage.shape;
    const step = Math.max(1, Math.ceil(Math.max(height, width) / BASE));
    const asked = words();
    const answer = await link.ask("image", { ...asked, part: [0, 0, height, width, step] });
    if (JSON.stringify(asked) !== JSON.stringify(words())) return;
    state.base = paint.readImage(answer);
    const [rows, columns] = state.base.whole;
    if (rows !== height || columns !== width) askRun();
    picture.setWhole(rows, columns);
    state.updates++;
    setContrast();
    picture.request();
    if (picture.step() < step) askDetail();
    else state.detail = null;
    byId("trouble").textContent = "";
  } catch (error) {
    complain(error);
  }
});

const askDetail = latest(async () => {
  const step = picture.step();
  if (!state.base || step >= state.base.part.step) return;
  const asked = words();
  const answer = await link
    .ask("image", { ...asked, part: [...picture.visible(), step] })
    .catch(() => null);
  if (!answer || JSON.stringify(asked) !== JSON.stringify(words())) return;
  state.detail = paint.readImage(answer);
  picture.request();
});

// Modes ------------------------------------------------------------------------------------------

function chooseLayer(layer) {
  const isOther = !state.layer || state.layer.kind !== layer.kind;
  state.layer = layer;
  state.base = state.detail = null;
  for (const button of byId("layers").querySelectorAll("button")) {
    const is = button.value === keyOf(layer);
    button.setAttribute("aria-checked", String(is));
    button.tabIndex = is ? 0 : -1;
  }
  const storage = storageOf(layer);
  byId("what").textContent = nameOf(storage, layer.layer);
  const [height, width] = storage.shape;
  const [py, px] = storage.pixel;
  byId("facts").textContent =
    `${height} × ${width} px of ${metres(py, 3)}${py === px ? "" : ` × ${metres(px, 3)}`} · ` +
    `${metres(height * py, 3)} × ${metres(width * px, 3)}`;
  byId("level").disabled = layer.kind !== "obj";
  // Of a probe the whole is looked at first, of an object what it does to the phase.
  if (isOther) chooseShows(layer.kind === "obj" ? "phase" : "complex");
  askBase();
}

function keyOf({ kind, id, layer }) {
  return `${kind}/${id}/${layer}`;
}

function nameOf(storage, layer) {
  const kind = storage.kind === "obj" ? "Object" : "Probe";
  const mode = storage.layers > 1 ? `, mode ${layer}` : "";
  return `${kind} ${storage.id}${mode}`;
}

function showLayers() {
  const nav = byId("layers");
  const all = [];
  nav.replaceChildren();
  for (const kind of ["obj", "probe"]) {
    const storages = state.run.storages.filter((one) => one.kind === kind);
    const title = document.createElement("h2");
    title.textContent = kind === "obj" ? "Object" : "Probe";
    nav.append(title);
    for (const storage of storages) {
      // A probe of each frame's own has as many layers as there are frames.
      for (let layer = 0; layer < Math.min(storage.layers, MOST_LAYERS); layer++) {
        nav.append(makeLayer(storage, layer));
        all.push({ kind, id: storage.id, layer });
      }
    }
  }
  const known = state.layer && all.find((layer) => keyOf(layer) === keyOf(state.layer));
  if (all.length) chooseLayer(known || all[0]);
}

function makeLayer(storage, layer) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.value = keyOf({ kind: storage.kind, id: storage.id, layer });
  const canvas = document.createElement("canvas");
  canvas.width = 220;
  canvas.height = 176;
  const line = document.createElement("span");
  const share = storage.layers > 1 ? `${(100 * storage.power[layer]).toFixed(1)} %` : "";
  line.innerHTML = "<b></b><i class='soft'></i>";
  line.firstChild.textContent = storage.layers > 1 ? `mode ${layer}` : storage.id;
  line.lastChild.textContent = share;
  button.append(canvas, line);
  button.addEventListener("click", () => chooseLayer({ kind: storage.kind, id: storage.id, layer }));
  button.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const buttons = [...byId("layers").querySelectorAll("button")];
    const next = buttons[(buttons.indexOf(button) + by + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  return button;
}

const askThumbs = latest(async () => {
  for (const button of byId("layers").querySelectorAll("button")) {
    const [kind, storage, layer] = button.value.split("/");
    const asked = { kind, storage, layer: Number(layer) };
    const answer = await link.ask("thumb", asked).catch(() => null);
    if (!answer) return;
    paintThumb(button.querySelector("canvas"), paint.readImage(answer), kind);
  }
});

// How it is shown --------------------------------------------------------------------------------

const chooseShows = choice(byId("shows"), (shows) => {
  state.shows = shows;
  byId("map").replaceChildren(...MAPS[shows].map((name) => new Option(name, name)));
  byId("map").value = state.maps[shows];
  byId("wheel-box").hidden = shows !== "complex";
  drawWheel(byId("wheel"), state.maps.complex);
  setContrast();
  picture.request();
});
byId("map").addEventListener("change", () => {
  state.maps[state.shows] = byId("map").value;
  drawWheel(byId("wheel"), state.maps.complex);
  setContrast();
  picture.request();
});
byId("level").addEventListener("change", () => askBase());
byId("fit").addEventListener("click", () => picture.fit());
byId("whole").addEventListener("click", () => picture.zoom(1 / (picture.scale * picture.ratio)));

// The run ----------------------------------------------------------------------------------------

const curves = new Curves(byId("plot"));
state.onView = () => askDetail();
const chooseCurve = choice(byId("curves"), (kind) => curves.set({ kind }));
const scatter = new Scatter(byId("frames"), () => {});
state.scatter = scatter;
scatter.describe = (k) => `frame ${k}: residual ${short(scatter.values[k], 3)}`;

const askRun = latest(async () => {
  try {
    const { head } = await link.ask("run");
    const before = state.run;
    state.run = head;
    byId("path").textContent = `\u200e${head.path || head.name}`;
    document.title = `${head.name} – ptypy`;
    byId("steer").hidden = !head.live;
    byId("load").hidden = !head.can_load;
    tellState(head);
    const form = (run) => JSON.stringify(run && run.storages.map((s) => [s.kind, s.id, s.layers]));
    if (form(before) !== form(head)) showLayers();
    else chooseLayer(state.layer);
    await askHistory();
    askThumbs();
    askFrames();
  } catch (error) {
    complain(error);
  }
});

const askHistory = latest(async () => {
  const answer = await link.ask("history", { since: state.entries.length }).catch(() => null);
  if (!answer) return;
  const { since, entries } = answer.head;
  if (since !== state.entries.length) return;
  state.entries.push(...entries);
  curves.set({ entries: state.entries });
});

const askFrames = latest(async () => {
  const answer = await link.ask("frames").catch(() => null);
  if (!answer) return;
  const { count } = answer.head;
  const table = new Float64Array(answer.buffer, answer.begin, 3 * count);
  const points = new Float64Array(2 * count);
  const values = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    points[2 * k] = table[3 * k];
    points[2 * k + 1] = table[3 * k + 1];
    values[k] = table[3 * k + 2];
  }
  const message = state.run.live
    ? "frames have not come yet"
    : state.run.can_load
      ? "the file holds no frames:\n“Load frames” compares them with the result"
      : "the file does not say which frames it is of";
  scatter.set({ points, values, message });
  const isKnown = values.some((value) => Number.isFinite(value));
  byId("ramp").hidden = !isKnown;
  if (isKnown) drawRamp(scatter);
});

const STATES = {
  file: "result",
  waiting: "not yet begun",
  running: "running",
  paused: "paused",
  stopped: "stopped",
  finished: "finished",
};

function tellState(head) {
  const chip = byId("state");
  chip.textContent = STATES[head.state] || head.state;
  chip.dataset.state = head.state;
  state.state = head.state;
  const isOver = ["stopped", "finished", "file"].includes(head.state);
  byId("pause").textContent = head.state === "paused" ? "Go on" : "Pause";
  for (const id of ["pause", "save", "stop"]) byId(id).disabled = isOver;
  if (head.iterations === undefined) return;
  byId("progress").hidden = !head.planned;
  byId("progress").value = head.planned ? Math.min(head.iterations / head.planned, 1) : 0;
  const rate = head.rate ? ` · ${short(head.rate, 3)} iterations/s` : "";
  const planned = head.planned ? ` of ${short(head.planned)}` : "";
  byId("progress-told").textContent =
    `${head.engine || ""} ${short(head.iterations)}${planned}${rate}`.trim();
}

async function command(name) {
  try {
    await link.ask("command", { name });
    const texts = {
      pause: "pausing after this iteration …",
      resume: "going on …",
      stop: "stopping after this iteration, and saving …",
      save: "saving after this iteration …",
    };
    say(texts[name], "busy", name === "resume" ? 1500 : 0);
  } catch (error) {
    say(error.message, "bad");
  }
}

byId("pause").addEventListener("click", () => command(state.state === "paused" ? "resume" : "pause"));
byId("save").addEventListener("click", () => command("save"));
byId("stop").addEventListener("click", () => command("stop"));
byId("load").addEventListener("click", async () => {
  byId("load").disabled = true;
  say("loading frames and comparing them …", "busy");
  try {
    const { head } = await link.ask("command", { name: "load" });
    say(`${short(head.loaded)} frames compared`, "good", 5000);
    askFrames();
  } catch (error) {
    say("frames could not be loaded", "bad");
    complain(error);
  }
  byId("load").disabled = false;
});

let slowly = 0;
link.addEventListener("version", ({ detail }) => {
  if (!state.run) return;
  const before = state.state;
  state.version = detail.version;
  if (detail.state === "file") {
    state.entries = [];
    say("the file has been written anew: shown is what it holds now", "good", 8000);
    askRun();
    return;
  }
  tellState(detail);
  if (before !== detail.state && detail.state === "paused") say("paused between two iterations", "good");
  if (before !== detail.state && detail.state === "running") say("");
  askBase();
  askHistory();
  // Small pictures and frames change little from one iteration to the next.
  if (performance.now() - slowly > 1500 || detail.state !== "running") {
    slowly = performance.now();
    askThumbs();
    askFrames();
  }
});
link.addEventListener("saved", ({ detail }) => say(detail.text, detail.fault ? "bad" : "good"));
link.addEventListener("trouble", ({ detail }) => complain(new Error(detail.text)));
link.addEventListener("state", ({ detail }) => {
  if (detail === "connected") {
    state.entries = [];
    askRun();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range]), select, button")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    1: () => chooseShows("phase"),
    2: () => chooseShows("amplitude"),
    3: () => chooseShows("complex"),
    " ": () => !byId("steer").hidden && byId("pause").click(),
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

chooseCurve("residual");
chooseTheme(byId("theme"), () => {
  picture.request();
  contrast.draw();
  curves.draw();
  scatter.draw();
  if (state.run) askThumbs();
});
