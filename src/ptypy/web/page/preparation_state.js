// What the parts of the page of the preparation share.

import { byId, makeStatus, tellConnection } from "./common.js";
import { Link } from "./link.js";

// Of no colour that the map has.
export const UNTRUSTED = [72, 190, 140];
export const BASE = 1100;

export const link = new Link();
export const say = makeStatus(byId("status"));
export const state = {
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
  findsCenter: false,
  onView: () => {},
};
// For whoever drives the page from outside: what it holds, as it is.
window.preparation = state;

tellConnection(link, byId("connection"));

/** Say over the picture what is wrong. */
export function complain(error) {
  byId("trouble").textContent = error.message;
}
