// The button that writes the settings into the config.

import { byId } from "./common.js";
import { complain, link, say, state } from "./preparation_state.js";

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
window.addEventListener("beforeunload", (event) => {
  if (state.isChanged) event.preventDefault();
});
