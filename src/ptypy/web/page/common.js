// What both pages have: light and dark, a line that says what goes on, buttons of which one is chosen.

const KEY = "ptypy-view-theme";

/** Let a button choose between light and dark; the system's choice holds until it is used. */
export function chooseTheme(button, changed) {
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const known = () => localStorage.getItem(KEY) || (prefers.matches ? "dark" : "light");
  const show = () => {
    document.documentElement.dataset.theme = known();
    button.textContent = known() === "dark" ? "Light" : "Dark";
    button.title = `Switch to the ${known() === "dark" ? "light" : "dark"} look`;
    changed();
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, known() === "dark" ? "light" : "dark");
    show();
  });
  prefers.addEventListener("change", show);
  show();
}

/** Make a line for what goes on; say(text, kind) with kind '', 'busy', 'good' or 'bad'. */
export function makeStatus(element) {
  let timer = 0;
  return (text, kind = "", lasts = 0) => {
    clearTimeout(timer);
    element.textContent = text;
    element.dataset.kind = kind;
    element.title = text;
    if (lasts) timer = setTimeout(() => ((element.textContent = ""), (element.dataset.kind = "")), lasts);
  };
}

/** Let one of several buttons be chosen; gives a function that chooses by value. */
export function choice(element, onChoose) {
  const buttons = [...element.querySelectorAll("button")];
  const choose = (value, tell = true) => {
    for (const button of buttons) {
      const chosen = button.value === String(value);
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    if (tell) onChoose(value);
  };
  element.setAttribute("role", "radiogroup");
  buttons.forEach((button, k) => {
    button.type = "button";
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => choose(button.value));
    button.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = buttons[(k + by + buttons.length) % buttons.length];
      next.focus();
      choose(next.value);
    });
  });
  return choose;
}

/** Tell of the connection, and hide nothing while it is gone. */
export function tellConnection(link, element) {
  const texts = {
    connecting: "connecting …",
    connected: "connected",
    lost: "connection lost, trying again …",
  };
  const show = () => {
    element.dataset.state = link.state;
    element.textContent = texts[link.state];
  };
  link.addEventListener("state", show);
  show();
}

export const byId = (id) => document.getElementById(id);
