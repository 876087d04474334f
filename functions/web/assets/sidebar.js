// The list of this browser's conversations: beside the messages, or over them on narrow screens.

import { find, make } from "./dom.js";
import { dayOf, text } from "./texts.js";

const side = find("#side");
const opener = find("#open-side");
const narrow = matchMedia("(max-width: 899px)");

/**
 * `pick` is called with a conversation's id, `more` to load older ones.
 * @param {(id: string) => void} pick @param {() => void} more
 */
export function openSidebar(pick, more) {
  opener.addEventListener("click", () => toggleSidebar(true));
  find("#close-side").addEventListener("click", () => toggleSidebar(false));
  find("#shade").addEventListener("click", () => toggleSidebar(false));
  side.addEventListener("keydown", (event) => event.key === "Escape" && toggleSidebar(false));
  narrow.addEventListener("change", () => toggleSidebar(false));
  find("#older").addEventListener("click", more);
  find("#stretches").addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (button) pick(button.dataset.id);
  });
  toggleSidebar(false);
}

/**
 * Open or close it where it lies over the messages; it takes the focus, and returns it.
 * @param {boolean} wanted
 */
export function toggleSidebar(wanted) {
  const opened = wanted && narrow.matches;
  const was = side.classList.contains("open");
  side.classList.toggle("open", opened);
  side.inert = narrow.matches && !opened;
  find("main").inert = opened;
  opener.setAttribute("aria-expanded", String(opened));
  if (opened) find("#close-side").focus();
  else if (was && side.contains(document.activeElement)) opener.focus();
}

/** @param {Stretch[]} stretches @param {string} viewing @param {string} older */
export function showStretches(stretches, viewing, older) {
  const items = stretches.toReversed().map(({ id, title, at }) => {
    const name = title || text(id ? "untitled" : "new");
    const when = id ? dayOf(at) : text("current");
    const words = [make("span", {}, name), make("small", {}, when)];
    const button = make("button", { type: "button", "data-id": id }, ...words);
    if (id === viewing) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  });
  const list = find("#stretches");
  const drawn = items.map((item) => item.outerHTML).join("");
  if (list.drawn !== drawn) {
    const held = /** @type {HTMLElement} */ (document.activeElement);
    const focused = list.contains(held) && held.dataset.id;
    list.replaceChildren(...items);
    list.drawn = drawn;
    if (typeof focused === "string") find(`[data-id="${CSS.escape(focused)}"]`, list)?.focus();
  }
  find("#older").hidden = !older;
}
