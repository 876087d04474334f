// Draw the rows. An element stays as long as its row does, so that focus and selection are kept.

import { find, icon, iconButton, make, morph } from "./dom.js";
import { momentOf, text, timeOf } from "./texts.js";

const STATES = { waiting: "clock", queued: "check", answered: "checks", failed: "alert" };
const list = find("#rows");

/**
 * Update the list. Buttons carry their action in `data-act` and `data-id`.
 * @param {Row[]} rows
 */
export function showRows(rows) {
  const children = /** @type {HTMLElement[]} */ ([...list.children]);
  const elements = new Map(children.map((element) => [element.dataset.key, element]));
  let place = list.firstElementChild;
  for (const row of rows) {
    const element = elements.get(row.key) || make("li", { className: row.kind });
    elements.delete(row.key);
    const drawn = JSON.stringify(row);
    if (element.drawn !== drawn) {
      element.dataset.key = row.key;
      element.drawn = drawn;
      const redraw = /** @type {(element: HTMLElement, row: Row) => void} */ (draw[row.kind]);
      redraw(element, row);
    }
    if (element === place) place = element.nextElementSibling;
    else list.insertBefore(element, place);
  }
  for (const element of elements.values()) element.remove();
}

/** @type {Draw} */
const draw = {
  line: (element, row) => element.replaceChildren(make("span", { textContent: row.text })),

  typing: (element) => {
    const dots = make("span", { className: "dots" }, make("i"), make("i"), make("i"));
    element.replaceChildren(make("span", { className: "sr" }, text("answering")), dots);
  },

  person: (element, row) => {
    element.dataset.state = row.state;
    const bubble = make("p", { className: "bubble", dir: "auto" }, row.text);
    bubble.classList.toggle("command", row.text.startsWith("/"));
    const who = make("span", { className: "sr" }, text("you"));
    element.replaceChildren(who, bubble, meta(row));
  },

  bot: (element, row) => {
    if (!element.firstChild) {
      const who = make("span", { className: "sr" }, text("bot"));
      element.append(who, make("div", { className: "prose", dir: "auto" }), make("footer"));
    }
    element.classList.toggle("draft", Boolean(row.draft));
    element.dataset.origin = row.origin || "";
    const content = document.createElement("template");
    content.innerHTML = row.html; // the server sends safe HTML: formatting only
    if (row.made) content.content.prepend(made(row.made));
    improve(content.content);
    morph(find(".prose", element), content.content);
    const old = /** @type {Element} */ (element.lastElementChild);
    const footer = actions(row, old);
    if (footer !== old) old.replaceWith(footer);
  },
};

/** @param {PersonRow} row */
function meta({ id, at, state, error }) {
  const time = make("time", { dateTime: new Date(at).toISOString(), title: momentOf(at) });
  time.textContent = timeOf(at);
  const line = make("div", { className: "meta" }, time, icon(STATES[state]));
  const quiet = state === "answered" || state === "queued";
  line.append(make("span", { className: quiet ? "sr" : "" }, text(state)));
  if (state !== "failed") return line;
  line.title = error || "";
  for (const act of /** @type {Word[]} */ (["retry", "discard"])) {
    const button = make("button", { type: "button", className: "link" }, text(act));
    Object.assign(button.dataset, { act, id });
    line.append(button);
  }
  return line;
}

/** @param {Made} made */
function made({ url, type, title }) {
  const name = title || text("image");
  if (!type.startsWith("image/")) {
    const label = make("span", {}, make("b", {}, name), make("small", {}, text("download")));
    const link = { className: "file", href: url, target: "_blank", rel: "noopener" };
    return make("a", link, icon("file"), label, icon("save"));
  }
  const picture = make("img", { src: url, alt: name, className: "picture" });
  return make("a", { href: url, target: "_blank", rel: "noopener", className: "frame" }, picture);
}

/**
 * Add language and copy button to code, and let wide code and tables scroll.
 * @param {DocumentFragment} content
 */
function improve(content) {
  for (const code of content.querySelectorAll("pre > code")) {
    const name = code.className.replace("language-", "");
    const copy = iconButton("copy", text("copy"), { "data-act": "copy-code" });
    const head = make("div", { className: "head" }, make("span", {}, name), copy);
    const box = make("div", { className: "code" }, head);
    code.parentElement?.replaceWith(box);
    box.append(make("pre", { tabIndex: 0 }, code));
  }
  for (const table of content.querySelectorAll("table")) {
    const box = make("div", { className: "wide-table", tabIndex: 0 });
    table.replaceWith(box);
    box.append(table);
  }
}

/**
 * Keep the old footer and change its states only, as long as the buttons are the same.
 * @param {BotRow} row @param {Element} old
 */
function actions(row, old) {
  const footer = make("footer");
  for (const { label, payload } of row.buttons) {
    const button = make("button", { type: "button", className: "choice" }, label);
    Object.assign(button.dataset, { act: "press", payload });
    footer.append(button);
  }
  if (row.origin === "model") {
    footer.append(action("copy", "copy", "copyAnswer", row.id));
    /** @param {"good" | "bad"} act @param {string} name @param {number} rating */
    const thumb = (act, name, rating) =>
      action(act, name, act, row.id, { "aria-pressed": String(row.rating === rating) });
    footer.append(thumb("good", "up-thumb", 1), thumb("bad", "down-thumb", -1));
    if (row.last) footer.append(action("again", "again", "again", row.id));
  }
  /** @param {Element} each */
  const names = (each) =>
    [...each.children].map((button) => button.getAttribute("data-act")).join();
  if (names(old) !== names(footer) || names(old).includes("press")) return footer;
  [...footer.children].forEach((button, place) => {
    const pressed = button.getAttribute("aria-pressed");
    if (pressed) old.children[place].setAttribute("aria-pressed", pressed);
  });
  return old;
}

/** @param {string} act @param {string} name @param {Word} label @param {string} id */
function action(act, name, label, id, properties = {}) {
  return iconButton(name, text(label), { ...properties, "data-act": act, "data-id": id });
}
