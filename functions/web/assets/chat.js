// A message stays in localStorage, with its id and time, until its answer is here: a reload, a
// lost connection or a second tab sends the same message again, which the server recognises.
const STORE = "messages";
const PAGE = 50;
const FAST = 400;
const SLOW = 15000;

const form = document.querySelector("#form");
const field = document.querySelector("#text");
const turns = document.querySelector("#turns");
const notice = document.querySelector("#notice");
let cursor = "";
let newest = 0;
let timer = 0;
let delay = FAST;
let busy = false;

function waiting() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) || [];
  } catch {
    return [];
  }
}

function keep(change) {
  localStorage.setItem(STORE, JSON.stringify(change(waiting())));
}

// `html` comes from the server, which lets nothing but formatting through.
function show({ id, sent_at, text, answer, html, origin }) {
  let item = document.getElementById(`turn-${id}`);
  if (!item) {
    item = document.createElement("li");
    item.id = `turn-${id}`;
    item.dataset.at = sent_at;
    for (const author of ["person", "bot"]) {
      item.append(Object.assign(document.createElement("div"), { className: author }));
    }
    const later = [...turns.children].find((other) => Number(other.dataset.at) > sent_at);
    turns.insertBefore(item, later || null);
  }
  const [person, bot] = item.children;
  const reply = origin ? answer : "…";
  if (person.textContent === text && item.dataset.reply === reply) return;
  person.textContent = text;
  item.dataset.reply = reply;
  const content = document.createElement("template");
  if (html) content.innerHTML = html;
  else content.content.append(reply);
  bot.replaceChildren(content.content);
  bot.hidden = !reply;
  newest = Math.max(newest, sent_at);
  item.scrollIntoView({ block: "end" });
}

async function send() {
  for (const message of waiting().filter((each) => !each.queued)) {
    const { id, text, sent_at } = message;
    const response = await fetch("/web/messages", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id, text, sent_at }),
    });
    if (response.status >= 500 || response.status === 429) throw new Error("unavailable");
    if (response.ok) {
      keep((all) => all.map((each) => (each.id === id ? { ...each, queued: true } : each)));
      continue;
    }
    const { error } = await response.json().catch(() => ({ error: response.status }));
    keep((all) => all.filter((each) => each.id !== id));
    show({ ...message, answer: `Not sent: ${error}.`, origin: "notice" });
  }
}

async function read() {
  let from = cursor;
  for (let more = true; more; ) {
    const response = await fetch(`/web/messages?after=${encodeURIComponent(from)}`);
    if (!response.ok) throw new Error("unavailable");
    const page = await response.json();
    page.turns.forEach(show);
    const answered = new Set(page.turns.map((turn) => turn.id));
    keep((all) => all.filter((each) => !answered.has(each.id)));
    more = page.turns.length === PAGE && from !== page.cursor;
    from = page.cursor;
  }
  // An answer takes its place by the time of its message: read on from before the oldest one.
  if (!waiting().length) cursor = from;
}

async function step() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  try {
    await send();
    await read();
    notice.textContent = "";
  } catch {
    notice.textContent = "No connection. Trying again …";
  }
  busy = false;
  if (waiting().length || notice.textContent) {
    timer = setTimeout(step, document.hidden ? SLOW : delay);
    delay = Math.min(delay * 1.3, SLOW);
  }
}

function soon() {
  delay = FAST;
  step();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value;
  if (!text.trim()) return;
  // Never before what is already shown, even when the clock was set back.
  const message = { id: crypto.randomUUID(), text, sent_at: Math.max(Date.now(), newest + 1) };
  keep((all) => [...all, message]);
  show(message);
  field.value = "";
  field.focus();
  soon();
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

document.addEventListener("visibilitychange", () => document.hidden || soon());
window.addEventListener("online", soon);

waiting().forEach(show);
soon();
