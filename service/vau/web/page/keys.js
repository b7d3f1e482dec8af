// Single keys, unless whoever has the focus has a use for them.

const TAKES_TEXT = "input:not([type=checkbox]):not([type=radio]):not([type=range]), select, textarea";
const TAKES_SPACE = "button, input, select, summary, a";

/** `actions` are functions by key. `isOn()` says whether they are wanted. */
export function onKeys(actions, isOn) {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (document.querySelector("dialog[open]") || target.matches?.(TAKES_TEXT)) return;
    if (key === " " && target.matches?.(TAKES_SPACE)) return;
    const action = actions[key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
