// What the parts of the page of a result share.

import { byId, makeStatus, tellConnection } from "./common.js";
import { Link } from "./link.js";

export const link = new Link();
export const say = makeStatus(byId("status"));
export const state = {
  run: null,
  entries: [],
  layer: null,
  shows: "phase",
  maps: { phase: "grey", amplitude: "grey", complex: "hue" },
  base: null,
  detail: null,
  version: 0,
  updates: 0,
  onView: () => {},
};
window.result = state;
tellConnection(link, byId("connection"));

/** Say over the picture what is wrong. */
export function complain(error) {
  byId("trouble").textContent = error.message;
}

/** What the server says of the storage of a layer; null if there is none. */
export function storageOf(layer) {
  if (!layer || !state.run) return null;
  return state.run.storages.find((one) => one.kind === layer.kind && one.id === layer.id) || null;
}
