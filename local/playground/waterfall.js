/* Draw each message: a line that sums it up, and its records on a time scale. */
import { byId, duration, keep, make } from "./dom.js";
import { PLATFORMS } from "./platforms.js";
import { showRecord } from "./record.js";
import { LANES, exchange } from "./trace.js";

/** @typedef {Playground.Journey} Journey */

const SHOWN = 25;
const MARGINS = 125; // pixels beside the scale

/**
 * @param {HTMLElement} parent @param {import("./trace.js").Trace} trace
 * @param {Playground.World} world @param {number} now
 */
export function drawTrace(parent, trace, world, now) {
  width = parent.clientWidth - MARGINS;
  const journeys = [...trace.journeys.values()].reverse().slice(0, SHOWN);
  byId("nothing").hidden = journeys.length > 0;
  keep(parent, journeys.map((journey, place) => {
    const live = !journey.done;
    const signature = `${journey.version} ${width} ${live ? Math.floor(now * 4) : ""} ${place === 0} ${journey.open}`;
    return [journey.key, signature, () => drawn(journey, world, now, place === 0)];
  }));
}

/** @param {Journey} journey @param {Playground.World} world @param {number} now @param {boolean} newest */
function drawn(journey, world, now, newest) {
  const began = Math.min(...journey.spans.map(({ record }) => record.at));
  const ended = journey.done ? Math.max(...journey.spans.map((span) => endOf(span))) : now;
  const open = journey.open ?? newest;
  const head = make("button.summary", {
    type: "button",
    ariaExpanded: String(open),
    onclick: () => { journey.open = !open; journey.version += 1; world.draw(); },
  }, make(`span.badge.${journey.channel}`, {}, PLATFORMS[journey.channel].name),
  make("span.whom", {}, whom(journey, world)), make("q", {}, journey.text || "…"), outcome(journey, began, now));
  return make("li.journey", {}, head, open ? scale(journey, began, Math.max(ended, began + 0.01), now) : null);
}

/** @param {Playground.Span} span */
const endOf = ({ record }) => record.at + record.ms / 1000;

/** @param {Journey} journey @param {Playground.World} world */
function whom({ conversation, channel }, world) {
  const id = conversation.slice(channel.length + 1);
  const found = Object.entries(world.people).find(([, ids]) => ids[channel] === id);
  return found ? found[0][0].toUpperCase() + found[0].slice(1) : id.startsWith("-") ? "group" : id.slice(0, 8);
}

/** @param {Journey} journey @param {number} began @param {number} now */
function outcome(journey, began, now) {
  const asked = journey.spans.filter(({ record }) => record.operation === "chat/completions");
  const tokens = asked.map(({ record }) => exchange(record)?.usage).find(Boolean);
  const facts = [];
  if (journey.tries > 1) facts.push(`${journey.tries} tries`);
  if (journey.deaths) facts.push(`${journey.deaths} died`);
  if (journey.parts > 1) facts.push(`${journey.parts} parts`);
  if (asked.length > 1) facts.push(`model asked ${asked.length}×`);
  if (tokens) facts.push(`${tokens.prompt_tokens} → ${tokens.completion_tokens} tokens`);
  const [tone, words] = verdict(journey, began, now);
  return make("span.outcome", {}, make("span.facts", {}, facts.join(" · ")), make(`b.${tone}`, {}, words));
}

/** @param {Journey} journey @param {number} began @param {number} now @returns {[tone: string, words: string]} */
function verdict(journey, began, now) {
  if (journey.aside) return ["plain", "not queued: nothing to answer"];
  if (!journey.done) {
    const wait = journey.due - now;
    if (!journey.attempts.at(-1)?.open && wait > 0) return ["waits", `comes again in ${Math.ceil(wait)} s`];
    return ["waits", `${duration(now - began)} …`];
  }
  const times = journey.parts ? Math.floor((journey.posts + journey.unsure) / journey.parts) : 0;
  if (journey.state === "undeliverable" || journey.state === "held") return ["bad", journey.state];
  if (times > 1) return ["bad", `said ${times} times`];
  const took = duration((journey.over ?? now) - began);
  return journey.state ? ["good", `answered once · ${took}`] : ["plain", `noted · ${took}`];
}

/** @param {Journey} journey @param {number} began @param {number} ended @param {number} now */
function scale(journey, began, ended, now) {
  const time = new Axis(journey.spans, began, ended);
  const rows = LANES.flatMap((lane) => {
    const bars = [...journey.spans.filter((span) => span.lane === lane).map(barOf), ...openBars(journey, lane, now)];
    if (!bars.length) return [];
    const tracks = packed(bars, time);
    return [make("span.lane", {}, lane), make("div.tracks", {}, tracks.map((track) =>
      make("div.track", {}, track.map((bar) => element(bar, track, time)))))];
  });
  const axis = [0, 0.25, 0.5, 0.75].map((share) => at(make("span", {}, duration(time.at(share) - began)), share));
  return make("div.scale", {}, make("span"), make("div.axis", { ariaHidden: "true" }, axis), rows);
}

/** Seconds → share of the width. Long periods in which nothing happens are shortened. */
class Axis {
  /** @param {Playground.Span[]} spans @param {number} began @param {number} ended */
  constructor(spans, began, ended) {
    const busy = spans.map((span) => [span.record.at, endOf(span)]).sort((a, b) => a[0] - b[0]);
    const work = busy.reduce((sum, [a, b]) => sum + Math.min(b, ended) - a, 0);
    const longest = Math.max(0.3, work / 6);
    /** @type {[from: number, to: number, drawn: number][]} */
    this.pieces = [];
    let reached = began;
    /** @param {number} until @param {(seconds: number) => number} drawn */
    const add = (until, drawn) => {
      if (until > reached) this.pieces.push([reached, until, drawn(until - reached)]);
      reached = Math.max(reached, until);
    };
    for (const [from, until] of [...busy, [ended, ended]]) {
      add(from, (seconds) => Math.min(seconds, longest));
      add(until, (seconds) => seconds);
    }
    this.whole = this.pieces.reduce((sum, [, , drawn]) => sum + drawn, 0) * 1.02 || 1;
  }

  /** @param {number} seconds */
  place(seconds) {
    return this.pieces.reduce((sum, [from, until, drawn]) =>
      sum + drawn * Math.min(Math.max((seconds - from) / (until - from), 0), 1), 0) / this.whole;
  }

  /** @param {number} share */
  at(share) {
    let left = share * this.whole;
    for (const [from, until, drawn] of this.pieces) {
      if (left <= drawn) return from + ((until - from) * left) / drawn;
      left -= drawn;
    }
    return this.pieces[this.pieces.length - 1][1];
  }
}

/** @param {Playground.Span} span @returns {Playground.Bar} */
const barOf = (span) => ({ ...span, from: span.record.at, to: endOf(span) });

/**
 * Bars of what has no record: waiting in the queue, and a worker in progress.
 * @param {Journey} journey @param {Playground.Lane} lane @param {number} now
 */
function openBars(journey, lane, now) {
  /** @type {Playground.Bar[]} */
  const waits = [];
  const attempt = journey.attempts.at(-1);
  const work = attempt?.open ? attempt.from : 0;
  if (lane === "worker" && work) waits.push({ from: work, to: now, tone: "open", label: "at work" });
  if (lane === "queue") {
    const ends = journey.spans.filter((span) => span.lane === "queue" && /Send/.test(span.record.operation)).map(endOf);
    const starts = journey.spans.filter((span) => span.lane === "worker").map((span) => [span.record.at, endOf(span)]).sort((a, b) => a[0] - b[0]);
    let from = Math.min(...ends);
    for (const [start, end] of [...starts, journey.done ? [0, 0] : [work || now, now]]) {
      if (start > from) waits.push({ from, to: start, tone: "waiting", label: "waiting" });
      from = Math.max(from, end);
    }
  }
  return waits;
}

/** Arrange bars in as few rows as possible, without overlaps. @param {Playground.Bar[]} bars @param {Axis} time */
function packed(bars, time) {
  /** @type {Playground.Bar[][]} */
  const tracks = [];
  for (const bar of bars.sort((a, b) => a.from - b.from)) {
    const fits = tracks.find((track) => {
      const before = track[track.length - 1];
      return Math.max(time.place(before.to), time.place(before.from) + 0.012) <= time.place(bar.from) + 0.001;
    });
    if (fits) fits.push(bar);
    else tracks.push([bar]);
  }
  return tracks;
}

const LETTER = 6.4; // pixels, about: whether a label fits is estimated
let width = 1000; // of the scale, in pixels

/**
 * A record as a bar. Its label is in it, right or left of it, or left out, depending on the room.
 * @param {Playground.Bar} bar @param {Playground.Bar[]} track @param {Axis} time
 */
function element(bar, track, time) {
  const place = track.indexOf(bar);
  const { from, to, lane, record } = bar;
  const pixels = (/** @type {number} */ seconds) => time.place(seconds) * width;
  const [left, right] = [pixels(from), Math.max(pixels(to), pixels(from) + 7)];
  const about = `${duration(to - from)}${problem(record)}`;
  const label = `${bar.label ?? (record ? nameOf(record) : "")} ${about}`;
  const room = label.length * LETTER + 8;
  const next = place + 1 < track.length ? pixels(track[place + 1].from) : width;
  const before = place ? pixels(track[place - 1].to) + (track[place - 1].labelled ?? 0) : 0;
  const side = right - left > room ? "in" : next - right > room ? "right" : left - before > room ? "left" : "none";
  bar.labelled = side === "right" ? room : 0;
  const text = `${bar.label ?? record?.operation}, ${about}`;
  const drawn = record
    ? make(`button.bar.${lane}`, { type: "button", title: text, ariaLabel: `${text}: show the record`,
      onclick: () => showRecord(record, lane) })
    : make("span.bar", { title: text });
  if (bar.tone) drawn.classList.add(bar.tone);
  drawn.style.width = `max(${(((right - left) / width) * 100).toFixed(3)}%, 7px)`;
  if (side !== "none") drawn.append(make(`span.label.${side}`, { ariaHidden: "true" }, label));
  return at(drawn, left / width);
}

/** @param {Playground.Record} [record] */
function problem(record) {
  if (!record || (record.status >= 200 && record.status < 300)) return "";
  if (record.response.includes("ConditionalCheckFailed")) return " · condition not met";
  if (record.server === "lambda") return " · died";
  return record.status ? ` · ${record.status}` : " · hung up";
}

/** @param {Playground.Record} record */
function nameOf({ operation, request }) {
  const kept = /"~(\w+)"/.exec(request)?.[1];
  if (kept && operation !== "Query") return operation === "GetItem" ? `${kept}?` : kept;
  if (operation === "UpdateItem") {
    return /":(delivered|undeliverable|held|answered)"/.exec(request)?.[1] ?? "claimed";
  }
  return NAMES[operation] ?? operation.replace(/^POST \//, "");
}

/** @type {{[operation: string]: string}} */
const NAMES = {
  SendMessageBatch: "queued",
  SendMessage: "queued",
  ChangeMessageVisibilityBatch: "lease",
  ChangeMessageVisibility: "lease",
  DeleteMessageBatch: "deleted",
  Query: "conversation read",
  PutItem: "answer stored",
  TransactWriteItems: "answers stored",
  "chat/completions": "asked",
  "images/generations": "drawn",
  "audio/transcriptions": "written down",
  sendChatAction: "typing",
  sendMessageDraft: "draft",
  sendMessage: "posted",
  "POST messages": "posted",
  "POST sender_action": "seen, typing",
  "GET conversations": "read back",
};

/** @param {HTMLElement} element @param {number} share */
function at(element, share) {
  element.style.left = `${(Math.max(share, 0) * 100).toFixed(3)}%`;
  return element;
}
