// How far the mean and the maximum are, and what follows from their getting better.

import { byId } from "./common.js";
import { latest } from "./link.js";
import { short } from "./picture.js";
import { complain, link, state } from "./preparation_state.js";

// Frames after which a centre that the config leaves open is looked for.
const ENOUGH = 40;
// Time after which what is prepared is shown anew while the sample grows [ms].
const PATIENCE = 3000;

let isSampling = true;
let refreshed = 0;
let act = null;

const askTotals = latest(async () => {
  const answer = await link.ask("totals").catch(() => null);
  const { scatter } = state;
  if (!answer || !scatter.count) return;
  const values = new Float64Array(scatter.count).fill(NaN);
  answer.head.numbers.forEach((k, place) => (values[k] = answer.head.totals[place]));
  byId("positions-title").textContent = "Positions, coloured by counts";
  scatter.set({ values });
});

/** Find the centre, once enough frames were looked at, if the config leaves it open. */
export function lookForCenter({ done, of }) {
  if (!state.findsCenter || done < Math.min(of, ENOUGH)) return;
  state.findsCenter = false;
  if (!state.isChanged) act.findCenter();
}

/** Tell how many frames were looked at. */
export function tellSample({ done, of }) {
  byId("sample").value = of ? done / of : 0;
  byId("sample-told").textContent = `${short(done)} of ${short(of)} frames`;
  const all = state.scan && of < state.scan.count ? `, spread over all ${short(state.scan.count)}` : "";
  byId("sample-told").title = `mean and maximum are of ${done} frames${all}`;
  byId("sample-stop").hidden = done >= of;
}

/** Follow the sample; `actions` are { findCenter, showPicture, showPrepared, showTiles }. */
export function followSample(actions) {
  act = actions;
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
    // The answer about the scan may be older than this, and still be on its way to the page.
    Object.assign(state.scan, { done: detail.done, of: detail.of });
    tellSample(detail);
    lookForCenter(detail);
    askTotals();
    if (state.of !== "mean" && state.of !== "maximum") return;
    act.showPicture();
    const isDone = detail.done >= detail.of;
    if (!isDone && performance.now() - refreshed < PATIENCE) return;
    refreshed = performance.now();
    act.showPrepared();
    if (isDone) act.showTiles();
  });
}
