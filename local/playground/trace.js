/* Assign the recorder's records to messages, and derive each message's state.
 *
 * A message is identified by its envelope: conversation and event id. Records contain one or both,
 * or the receipt handle of the message in the queue. The model's requests contain neither, so they
 * are assigned by their prompt.
 */
import { parsed } from "./dom.js";

/** @type {Playground.Lane[]} */
export const LANES = ["webhook", "queue", "worker", "history", "model", "stored", "posted"];
/** @type {Playground.Channel[]} */
const CHANNELS = ["telegram", "messenger", "web"];
const READS = new Set(["Query", "GetItem", "BatchGetItem"]);
const COURTESIES = new Set(["sendChatAction", "sendMessageDraft", "answerCallbackQuery", "POST sender_action"]);
const OVER = new Set(["delivered", "undeliverable", "held"]);
const CONVERSATION = /\b(?:telegram|messenger|web):[-\w]+(?::\d+)?/;
const EVENT = /turn#\d{13}#([^"\\]+)/;

/** @typedef {Playground.Record} Record @typedef {Playground.Journey} Journey */

export class Trace {
  /** @type {Map<string, Journey>} */
  journeys = new Map();
  /** @type {Record[]} */
  receipts = []; // visibility changes and deletions, until the record of the invocation names the messages

  /** @param {Record} record */
  add(record) {
    const { server, operation } = record;
    if (server === "aws") this._aws(record);
    else if (server === "lambda") this._lambda(record);
    else if (server === "api") this._api(record);
    else if (server === "openai") this._asked(record);
    else if (server === "telegram" || server === "graph") this._platform(record, operation);
  }

  /** @param {Record} record */
  _aws(record) {
    const { operation, request } = record;
    if (operation === "SendMessageBatch" || operation === "SendMessage") {
      for (const envelope of envelopes(request)) this._put(this._journey(envelope), "queue", record);
    } else if (/Visibility|DeleteMessage/.test(operation)) {
      this.receipts.push(record);
      this.receipts.splice(0, this.receipts.length - 300);
    } else if (operation === "PUT" || operation === "GET") {
      this._put(this._only(), "stored", record);
    } else if (operation !== "GetParameters") {
      this._table(record);
    }
  }

  /** @param {Record} record */
  _table(record) {
    const conversation = CONVERSATION.exec(record.request)?.[0];
    if (!conversation) return;
    const event = EVENT.exec(record.request)?.[1];
    const exact = event && this.journeys.get(`${conversation} ${event}`);
    const journey = exact || this._current(conversation);
    const read = READS.has(record.operation);
    // A query for a range of time is the page's, unless a worker has a message in progress.
    if (read && (journey?.done || record.request.includes('"~draft"'))) return;
    if (read && record.request.includes("BETWEEN") && !journey?.attempts.at(-1)?.open) return;
    this._put(journey, read ? "history" : "stored", record);
    if (!journey) return;
    if (read && !journey.attempts.at(-1)?.open) {
      journey.attempts.push({ from: record.at, to: Infinity, open: true, asked: false });
    }
    const state = /":(delivered|undeliverable|held)"/.exec(record.request)?.[1] ?? stateOf(record.request);
    if (record.status === 200 && OVER.has(state)) {
      journey.over = record.at + record.ms / 1000;
      journey.state = state;
      journey.parts = (parsed(record.request)?.ExpressionAttributeValues?.[":posted"]?.L ?? []).length;
    }
  }

  /** @param {Record} record */
  _lambda(record) {
    const event = parsed(record.request) ?? {};
    if (record.operation === "WorkerFunction") this._worked(record, event.Records ?? []);
    else if (record.operation === "WebhookFunction") this._webhook(record, event.body ?? "");
    else if (record.operation === "WebFunction") this._forget(record);
  }

  /** @param {Record} record @param {any[]} items */
  _worked(record, items) {
    /** @type {{itemIdentifier: string}[]} */
    const failures = parsed(record.response)?.batchItemFailures ?? [];
    const failed = new Set(failures.map((each) => each.itemIdentifier));
    for (const item of items) {
      const envelope = parsed(item.body);
      if (!envelope) continue;
      const journey = this._journey(envelope);
      const span = this._put(journey, "worker", record);
      const again = record.status !== 200 || failed.has(item.messageId);
      journey.tries += 1;
      const begun = journey.attempts.at(-1);
      const times = { from: record.at, to: record.at + record.ms / 1000, open: false };
      if (begun?.open) Object.assign(begun, times);
      else journey.attempts.push({ asked: false, ...times });
      if (span) span.tone = record.status !== 200 ? "bad" : again ? "again" : "";
      if (record.status !== 200) journey.deaths += 1;
      journey.done = !again;
      if (!again) journey.over ??= record.at + record.ms / 1000;
      const of = this.receipts.filter((each) => each.request.includes(item.receiptHandle));
      for (const each of of) this._put(journey, "queue", each);
      journey.due = again ? dueOf(of, item.receiptHandle) : 0;
    }
  }

  /** @param {Record} record */
  _api(record) {
    if (record.operation.startsWith("POST ")) this._webhook(record, record.request);
  }

  /**
   * Assign a webhook request to the message that it queued, or to a new one if it queued none.
   * @param {Record} record @param {string} body
   */
  _webhook(record, body) {
    const found = markers(body).map((marker) =>
      [...this.journeys.values()].reverse().find((each) => each.event.startsWith(`${marker.padStart(12, "0")}:`) || each.event.startsWith(`${marker}:`)));
    for (const journey of found) this._put(journey, "webhook", record);
    if (!found.some(Boolean) && record.server === "api") this._aside(record);
  }

  /** @param {Record} record */
  _aside(record) {
    const path = record.operation.slice(6);
    const channel = CHANNELS.find((each) => each === path.split("/")[0]);
    if (!channel) return;
    const journey = this._new(`aside ${record.n}`, channel, "", "", wordsOf(parsed(record.request)) || path);
    Object.assign(journey, { aside: true, done: true, over: record.at + record.ms / 1000 });
    this._put(journey, "webhook", record);
  }

  /** @param {Record} record @param {string} operation */
  _platform(record, operation) {
    if (/^(getUpdates|getMe|setWebhook|deleteWebhook|getWebhookInfo|setMyCommands)$/.test(operation)) return;
    const body = record.request;
    const event = /chatbot:([^"\\]+)/.exec(body)?.[1];
    const person = /"id":\s*"([^"]+)"/.exec(body)?.[1] ?? "";
    const place = record.server === "telegram"
      ? number(body, "chat_id") && `telegram:${number(body, "chat_id")}${thread(body)}`
      : person && `messenger:${person}`;
    const journey = (event && place && this.journeys.get(`${place} ${event}`))
      || (place ? this._current(place) : this._only(record.server === "graph" ? "messenger" : "telegram"));
    const span = this._put(journey, "posted", record);
    if (!journey || !span) return;
    if (COURTESIES.has(operation)) span.tone = "light";
    else if (record.status === 200 && /^(send|POST messages)/.test(operation)) journey.posts += 1;
    else if (record.status === 0) journey.unsure += 1;
  }

  /**
   * Assign a model call to a message in progress with the prompt's text, one call for each try.
   * @param {Record} record
   */
  _asked(record) {
    /** @param {Journey} journey */
    const then = ({ attempts }) => attempts.find(({ from, to }) => from - 0.05 <= record.at && record.at <= to);
    const open = [...this.journeys.values()].filter(then);
    const asked = parsed(record.request);
    const last = JSON.stringify(asked?.messages?.at(-1) ?? asked?.prompt ?? "");
    /** @param {Journey} each */
    const words = (each) => each.text.replace(/@\w+\s*/, "").slice(0, 80);
    const fitting = open.filter((each) => words(each) && last.includes(JSON.stringify(words(each)).slice(1, -1)));
    const journey = [...fitting, ...open].find((each) => !then(each)?.asked) ?? fitting[0] ?? open[0];
    const attempt = this._put(journey, "model", record) && journey && then(journey);
    if (attempt && record.status === 200) attempt.asked = true;
  }

  /** Remove the queries of a request of the web page: they belong to no message. @param {Record} record */
  _forget(record) {
    const end = record.at + record.ms / 1000;
    for (const journey of this.journeys.values()) {
      if (journey.channel !== "web") continue;
      journey.spans = journey.spans.filter(({ lane, record: each }) => lane !== "history" || each.at < record.at || each.at > end);
    }
  }

  /** @param {string} conversation */
  _current(conversation) {
    const all = [...this.journeys.values()].filter((each) => each.conversation === conversation);
    return all.find((each) => !each.done) ?? all.at(-1);
  }

  /** @param {Playground.Channel} [channel] */
  _only(channel) {
    const open = [...this.journeys.values()].filter((each) => each.attempts.at(-1)?.open && (!channel || each.channel === channel));
    return open.at(0);
  }

  /** @param {any} envelope */
  _journey({ conversation, event_id: event, channel, payload }) {
    const key = `${conversation} ${event}`;
    return this.journeys.get(key) ?? this._new(key, channel, conversation, event, wordsOf(payload));
  }

  /**
   * @param {string} key @param {Playground.Channel} channel @param {string} conversation
   * @param {string} event @param {string} text
   */
  _new(key, channel, conversation, event, text) {
    /** @type {Journey} */
    const journey = {
      key, channel, conversation, event, text,
      spans: [], tries: 0, deaths: 0, posts: 0, unsure: 0, parts: 0, due: 0, version: 0,
      attempts: [], done: false, over: null, state: "",
    };
    this.journeys.set(key, journey);
    const [oldest] = this.journeys.keys();
    if (this.journeys.size > 60) this.journeys.delete(oldest);
    return journey;
  }

  /**
   * @param {Journey | undefined} journey @param {Playground.Lane} lane @param {Record} record
   * @returns {Playground.Span?}
   */
  _put(journey, lane, record) {
    if (!journey || journey.spans.some((each) => each.record === record && each.lane === lane)) return null;
    const span = { lane, record, tone: "" };
    if (record.status === 0 || record.status >= 400) span.tone = "bad";
    if (record.response.includes("ConditionalCheckFailed")) span.tone = "light"; // expected, not an error
    journey.spans.push(span);
    journey.version += 1;
    if (lane === "queue" && /Visibility/.test(record.operation)) span.tone = "light";
    return span;
  }
}

/** @param {string} request */
function envelopes(request) {
  const body = parsed(request) ?? {};
  /** @type {any[]} */
  const entries = body.Entries ?? [body];
  return entries.map((entry) => parsed(entry.MessageBody ?? "")).filter((each) => each?.conversation);
}

/** @param {string} request @returns {string} */
function stateOf(request) {
  const item = parsed(request);
  /** @type {{S?: string}[]} */
  const attributes = Object.values(item?.ExpressionAttributeValues ?? {});
  const values = attributes.map((each) => each.S ?? "");
  return item?.Item?.state?.S ?? values.find((each) => OVER.has(each)) ?? "";
}

/**
 * When the message becomes visible again, in epoch seconds, by its last visibility change.
 * @param {Record[]} records @param {string} receipt
 */
function dueOf(records, receipt) {
  let due = 0;
  for (const record of records) {
    for (const entry of parsed(record.request)?.Entries ?? []) {
      if (entry.ReceiptHandle === receipt && "VisibilityTimeout" in entry) due = record.at + entry.VisibilityTimeout;
    }
  }
  return due;
}

/** @param {string} body @returns {string[]} */
function markers(body) {
  const data = parsed(body) ?? {};
  if (data.update_id) return [String(data.update_id)];
  /** @type {any[]} */
  const events = data.entry?.flatMap((/** @type {any} */ entry) => entry.messaging ?? []) ?? [];
  if (data.entry) return events.map((each) => each.message?.mid ?? each.postback?.mid ?? `${each.reaction?.mid}:${each.timestamp}`);
  return data.id ? [data.id] : [];
}

/** @param {any} event @returns {string} */
export function wordsOf(event) {
  const message = event?.message ?? event?.postback ?? event ?? {};
  const said = event?.callback_query?.data ?? message.text ?? message.caption ?? message.title;
  if (said) return said;
  if (message.photo || message.attachments?.[0]?.type === "image") return "(a photo)";
  if (message.voice || message.attachments?.[0]?.type === "audio") return "(a voice note)";
  return ["rating", "reaction", "message_reaction"].some((name) => event && name in event) ? "(a thumb)" : "";
}

/** @param {string} body @param {string} name */
const number = (body, name) =>
  new RegExp(`"${name}":\\s*"?(-?\\d+)`).exec(body)?.[1] ?? new RegExp(`name="${name}"[^-\\d]+(-?\\d+)`).exec(body)?.[1];
/** @param {string} body */
const thread = (body) => (number(body, "message_thread_id") ? `:${number(body, "message_thread_id")}` : "");

/** Prompt and answer in a record of the model's server. @param {Record} record */
export function exchange(record) {
  const asked = parsed(record.request);
  if (!asked?.messages) return null;
  let answer = "";
  let usage = null;
  const whole = parsed(record.response);
  if (whole) {
    answer = whole.choices?.[0]?.message?.content ?? whole.error?.message ?? "";
    usage = whole.usage;
  } else {
    for (const line of record.response.split("\n")) {
      const chunk = line.startsWith("data: {") ? parsed(line.slice(6)) : null;
      answer += chunk?.choices?.[0]?.delta?.content ?? "";
      usage = chunk?.usage ?? usage;
    }
  }
  return { prompt: asked.messages, answer, usage, model: asked.model };
}
