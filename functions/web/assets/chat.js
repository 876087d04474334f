// The page: connects turns, outbox, reader and view.

import { rate, stopAnswer } from "./api.js";
import { focusField, openComposer, setAnswering } from "./composer.js";
import { ask, guard } from "./dialogs.js";
import { announce, find, label, make, toast } from "./dom.js";
import { Outbox } from "./outbox.js";
import { Reader } from "./reader.js";
import { rowsOf } from "./rows.js";
import { openSidebar, showStretches, toggleSidebar } from "./sidebar.js";
import { shared } from "./storage.js";
import { language, text } from "./texts.js";
import { Turns } from "./turns.js";
import { showRows } from "./view.js";

const NEAR = 80; // px from the end that count as scrolled to the end
const scroller = find("#scroll");
const turns = new Turns();
const outbox = new Outbox(() => reader.soon());
const reader = new Reader(turns, outbox, changed);
let following = true; // whether to keep the newest message in view
/** @type {(locked: boolean) => void} */
let lock = () => {};

const viewing = () => location.hash.slice(1);

/** @param {Turn[]} fresh */
function changed(fresh) {
  render();
  for (const turn of fresh) {
    if (turn.answer) announce(`${text("bot")} ${plain(turn.html)}`);
  }
}

function render() {
  const stretches = turns.stretches;
  const current = stretches[stretches.length - 1];
  const seen = stretches.find(({ id }) => id === viewing()) || current;
  const open = seen === current;
  const messages = open ? outbox.all : [];
  showRows(rowsOf(seen.turns, messages, open ? reader.draft : null, open));
  current.title ||= outbox.all[0]?.text || "";
  showStretches(stretches, seen.id, turns.older);
  const blank = !seen.turns.some((turn) => !turn.fresh_start) && !messages.length;
  const settled = reader.ready || reader.offline;
  find("#empty").hidden = !settled || !blank || reader.locked;
  document.body.classList.toggle("blank", blank);
  find("#reading").hidden = open;
  find("#composer").hidden = find("#keys").hidden = !open;
  find("#go-on").hidden = seen !== stretches.at(-2);
  find("#notice").textContent = reader.offline ? text("offline") : "";
  setAnswering(outbox.all.some(({ state }) => state === "queued") || reader.draft !== null);
  lock(reader.locked);
  follow();
}

/** @param {string} words */
function say(words) {
  outbox.add(words, turns.newest);
  following = true;
  toCurrent();
  render();
  reader.soon();
}

function toCurrent() {
  if (location.hash) location.hash = "";
}

// --- Scrolling

function follow() {
  if (following) scroller.scrollTop = scroller.scrollHeight;
  sight();
}

function sight() {
  find("#to-end").hidden = atEnd();
}

const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;

async function loadOlder() {
  const below = scroller.scrollHeight - scroller.scrollTop;
  following = false;
  await attempt(() => reader.readOlder());
  scroller.scrollTop = scroller.scrollHeight - below;
}

scroller.addEventListener("scroll", () => {
  following = atEnd();
  sight();
  const { stretches } = turns;
  const seen = stretches.findIndex(({ id }) => id === viewing());
  if (scroller.scrollTop < NEAR && turns.older && seen <= 0) loadOlder();
});
scroller.addEventListener("load", follow, true); // a picture has its size now
new ResizeObserver(follow).observe(find("#dock"));
find("#to-end").addEventListener("click", () => {
  scroller.scrollTo({ top: scroller.scrollHeight });
  focusField();
});

// --- Buttons

/** @param {() => unknown} act */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    toast(text("notDone"));
    if (error instanceof TypeError) throw error; // a bug, for the console
  }
}

/** @param {string} words */
async function copy(words) {
  await navigator.clipboard.writeText(words);
  toast(text("copied"));
}

/** @param {string} id @param {number} rating */
async function thumb(id, rating) {
  const turn = turns.get(id);
  if (!turn) return;
  const before = turn.rating;
  const rated = (/** @type {number} */ value) => {
    turns.add([{ ...turn, rating: value }]);
    render();
  };
  rated(before === rating ? 0 : rating);
  try {
    await rate(turn, before === rating ? 0 : rating);
  } catch (error) {
    rated(before);
    throw error;
  }
}

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const acts = {
  "copy-code": (button) => copy(button.closest(".code")?.querySelector("code")?.textContent || ""),
  copy: ({ dataset }) => {
    const turn = turns.get(dataset.id);
    return copy(turn?.made?.title || turn?.answer || "");
  },
  good: ({ dataset }) => thumb(dataset.id, 1),
  bad: ({ dataset }) => thumb(dataset.id, -1),
  again: () => say("/retry"),
  press: ({ dataset }) => {
    say(dataset.payload);
    focusField();
  },
  retry: ({ dataset }) => {
    outbox.retry(dataset.id, turns.newest);
    render();
    reader.soon();
    focusField();
  },
  discard: ({ dataset }) => {
    outbox.remove(dataset.id);
    render();
    focusField();
  },
};

find("#rows").addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-act]");
  if (button) attempt(() => acts[button.dataset.act](button));
});

/** @param {string} name */
async function choose(name) {
  toggleSidebar(false);
  const words = await ask(name);
  if (words) say(words);
  focusField();
}

const theme = () => /** @type {Theme} */ (document.documentElement.dataset.theme || "");

/** @param {Theme} [next] */
function paintTheme(next) {
  if (next !== undefined) {
    document.documentElement.dataset.theme = next;
    if (next) shared.set("theme", next);
    else shared.remove("theme");
  }
  find("#theme").textContent = `${text("theme")}: ${text("themes")[theme()]}`;
}

/** @type {Record<string, () => unknown>} */
const does = {
  new: () => choose("new"),
  forget: () => choose("forget"),
  export: () => {
    toggleSidebar(false);
    say("/export");
    focusField();
  },
  theme: () => {
    const order = /** @type {Theme[]} */ (["", "light", "dark"]);
    paintTheme(order[(order.indexOf(theme()) + 1) % order.length]);
  },
};

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => does[button.dataset.do]());
}

function halt() {
  const [oldest] = outbox.all.filter(({ state }) => state === "queued");
  const id = reader.draft?.id || oldest?.id;
  if (id) attempt(() => stopAnswer(id));
  announce(text("stopping"));
}

// --- Start

/** @param {string} html */
const plain = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent;

document.documentElement.lang = language;
label(document);
paintTheme();
find("#suggestions").append(
  ...text("ideas").map((idea) => {
    const button = make("button", { type: "button", className: "idea" }, idea);
    button.addEventListener("click", () => {
      say(idea);
      focusField();
    });
    return make("li", {}, button);
  }),
);
openComposer(say, halt);
openSidebar((id) => {
  location.hash = id;
  following = true;
  toggleSidebar(false);
  render();
}, loadOlder);
lock = guard(() => {
  reader.locked = false;
  reader.soon();
  focusField();
});
find("#to-current").addEventListener("click", () => {
  toCurrent();
  render();
  focusField();
});
find("#go-on").addEventListener("click", () => {
  say("/new earlier");
  focusField();
});
window.addEventListener("hashchange", () => {
  following = true;
  render();
});
render();
reader.soon();
if (matchMedia("(hover: hover)").matches) focusField(); // not on phones, where the keyboard would open
