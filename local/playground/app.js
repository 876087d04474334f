/* The playground: reads the recorder's records and updates columns, switches and trace. */
import { Messenger, Telegram, Web } from "./chats.js";
import { Client } from "./client.js";
import { byId, make, parsed, said } from "./dom.js";
import { PLATFORMS, turn } from "./platforms.js";
import { Trace } from "./trace.js";
import { drawTrace } from "./waterfall.js";

const WAIT = 20; // seconds for which the recorder keeps a request open
/** @typedef {{[choice: string]: string}} Named */

/** @type {Named} */
const REAL = { telegram: "TELEGRAM_API_URL", messenger: "GRAPH_API_URL" };
/** @type {[name: string, title: string, choices: Named, notes: Named][]} */
const SWITCHES = [
  ["model", "The model", { fine: "answers", slow: "slowly", busy: "429", down: "is down" }, {
    slow: "It thinks for two seconds, then writes a word at a time: time enough to kill the worker.",
    busy: "The message comes again after growing pauses, until the model answers.",
    down: "The message comes again after growing pauses, for up to 15 minutes.",
  }],
  ["platforms", "Telegram and Messenger", { fine: "take posts", busy: "429", hang_up: "hang up once" }, {
    busy: "The answer is kept, and posted when they take it.",
    hang_up: "The next post is taken, but the bot never hears so. Messenger is asked what arrived. Telegram cannot be asked: there the answer is said again, or with AMBIGUOUS_DELIVERY=hold not.",
  }],
  ["webhooks", "Each webhook comes", { once: "once", twice: "twice" }, {
    twice: "Both at the same moment. Still one answer.",
  }],
];
const HOOKS = /** @type {const} */ (["telegram", "messenger"]);
const KILLED = {
  armed: "Workers now have processes of their own: the next one dies while it waits for the model.",
  /** @param {number} count */
  now: (count) => `${count} worker${count > 1 ? "s" : ""} killed. What it held comes again when the lease is over: still one answer.`,
};

/** @type {Playground.World} */
const world = {
  person: localStorage.getItem("person") ?? "ada",
  people: {}, bot: {}, real: [], switches: {},
  telegram: new Telegram(), messenger: new Messenger(), web: new Web(),
  trace: new Trace(),
  draw: () => draw(),
  tell: (text) => { byId("told").textContent = text; },
};
const channels = /** @type {Playground.Channel[]} */ (Object.keys(PLATFORMS));
const clients = channels.map((channel) => new Client(channel, world));
const seen = { written: 0, telegram: 0, graph: 0 };

/** @param {string} path */
async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} is answered with ${answer.status}`);
  return answer.json();
}

async function learn() {
  const after = `written=${seen.written}&telegram=${seen.telegram}&graph=${seen.graph}`;
  /** @type {Playground.State} */
  const state = await get(`/playground/state?${after}`);
  const { calls, written } = state;
  if (world.switches.worker === "killed" && state.switches.worker === "alive") world.tell(KILLED.now(1));
  Object.assign(world, { people: state.people, bot: state.bot, switches: state.switches });
  world.real = channels.filter((channel) => state.settings.includes(REAL[channel]));
  const news = [
    ...written.map((each) => ({ at: each.at, fold: () => world[each.channel].written(each) })),
    ...calls.telegram.map((each) => ({ at: each.at, fold: () => world.telegram.call(each) })),
    ...calls.graph.map((each) => ({ at: each.at, fold: () => world.messenger.call(each) })),
  ];
  for (const { fold } of news.sort((a, b) => a.at - b.at)) fold();
  world.web.menu = world.telegram.menu;
  seen.written += written.length;
  seen.telegram += calls.telegram.length;
  seen.graph += calls.graph.length;
}

/**
 * Show what a record says of a real platform: it has no stand-in whose calls could be shown.
 * @param {Playground.Record} record
 */
function mirror(record) {
  const channel = record.server === "telegram" ? "telegram" : record.server === "graph" && "messenger";
  if (channel && world.real.includes(channel) && record.status === 200) {
    const [params, answer] = [parsed(record.request), parsed(record.response)];
    const result = channel === "telegram" ? answer?.result : answer;
    if (params) world[channel].call({ number: 0, method: record.operation, params, result, at: record.at });
  }
  const path = HOOKS.find((each) => record.operation === `POST /${each}`);
  if (record.server !== "api" || !path || !world.real.includes(path)) return;
  const body = parsed(record.request);
  /** @type {any[]} */
  const entries = body?.entry ?? [];
  const events = path === "telegram" ? [body] : entries.flatMap((entry) => entry.messaging ?? []);
  for (const event of events.filter(Boolean)) world[path].written({ event });
}

/** @param {Playground.Record} record @param {string} person */
const readable = (record, person) =>
  record.server === "aws" && /PutItem|UpdateItem|TransactWriteItems|DeleteItem|BatchWriteItem/.test(record.operation)
  && record.request.includes(`web:${world.people[person]?.web}`);

async function readPage(person = world.person) {
  try {
    world.web.read(person, await get(`/playground/web/${person}/messages`));
  } catch (error) {
    world.tell(`The web page's messages could not be read: ${said(error)}`);
  }
}

async function follow() {
  let last = 0;
  for (;;) {
    try {
      /** @type {{records: Playground.Record[], last: number}} */
      const page = await get(`/_local/records?after=${last}&wait=${WAIT}`);
      if (page.last < last) location.reload(); // the stack was restarted
      last = page.last;
      await learn();
      for (const record of page.records) {
        world.trace.add(record);
        mirror(record);
      }
      const people = Object.keys(world.people);
      const concerned = people.filter((person) => page.records.some((record) => readable(record, person)));
      await Promise.all(concerned.map(readPage));
      document.body.classList.remove("lost");
    } catch {
      document.body.classList.add("lost");
      world.tell("The stack does not answer: start it with `make run`.");
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
    draw();
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
}

function drawPeople() {
  const people = byId("people");
  for (const name of Object.keys(world.people)) {
    if (people.querySelector(`[value="${name}"]`)) continue;
    people.append(radio("person", name, name[0].toUpperCase() + name.slice(1), async () => {
      world.person = name;
      localStorage.setItem("person", name);
      await readPage();
      draw();
    }));
  }
  check(people, (input) => input.value === world.person);
}

/**
 * Choose the radio button for which `wanted` holds.
 * @param {ParentNode} parent @param {(input: HTMLInputElement) => boolean} wanted
 */
function check(parent, wanted) {
  for (const input of parent.querySelectorAll("input")) if (wanted(input)) input.checked = true;
}

/** @param {string} group @param {string} value @param {string} label @param {() => unknown} onchange */
function radio(group, value, label, onchange) {
  return make("label", {}, make("input", { type: "radio", name: group, value, onchange }), make("span", {}, label));
}

/** @param {string} name @param {string} choice */
async function change(name, choice) {
  try {
    const { switches, killed } = await turn(name, choice);
    world.switches = switches;
    const [, , , notes] = SWITCHES.find(([each]) => each === name) ?? [];
    world.tell(name === "worker" ? (killed ? KILLED.now(killed) : KILLED.armed) : notes?.[choice] ?? "");
  } catch (error) {
    world.tell(said(error));
  }
  draw();
}

const kill = make("button.kill", { type: "button", onclick: () => change("worker", "killed") }, "Kill the worker now");

function buildSwitches() {
  const told = byId("told");
  for (const [name, title, choices] of SWITCHES) {
    const options = Object.entries(choices).map(([choice, label]) => radio(name, choice, label, () => change(name, choice)));
    told.before(make("fieldset.choice", { name }, make("legend", {}, title), options));
  }
  told.before(make("div.choice", {}, kill));
}

function draw() {
  const now = Date.now() / 1000;
  drawPeople();
  for (const client of clients) client.draw(now);
  for (const [name, choice] of Object.entries(world.switches)) {
    check(byId("switches"), (input) => input.name === name && input.value === choice);
  }
  kill.classList.toggle("armed", world.switches.worker === "killed");
  drawTrace(byId("journeys"), world.trace, world, now);
}

byId("columns").append(...clients.map((client) => client.element));
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details")) {
    if (menu.matches(".menu") && !menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  }
});
buildSwitches();
await learn();
await readPage();
draw();
setInterval(draw, 250);
follow();
