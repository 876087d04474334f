// The rows to show, from top to bottom, made of turns, messages and the draft.

import { dayOf } from "./texts.js";
import { replacedIn } from "./timeline.js";

/** `turns` of one conversation, oldest first; `messages` of the outbox; the `draft`, or null.
 *  `open`: whether the conversation goes on, so that its last answer can be regenerated.
 *  @param {Turn[]} turns @param {Message[]} messages @param {Draft?} draft @param {boolean} open */
export function rowsOf(turns, messages, draft, open) {
  /** @type {Row[]} */
  const rows = [];
  const known = new Set(turns.map(({ id }) => id));
  const replaced = replacedIn(turns);
  const pending = messages.filter(({ id }) => !known.has(id));
  const last = open && pending.length === 0 && turns.at(-1);
  let day = "";
  /** @type {BotRow?} */
  let answer = null; // shown after the last of the messages that it answers
  for (const entry of [...turns, ...pending].sort((one, other) => one.sent_at - other.sent_at)) {
    if (replaced.has(entry.id) || entry.lifted) continue;
    if (answer && entry.merged_into !== answer.id) {
      rows.push(answer);
      answer = null;
    }
    if (dayOf(entry.sent_at) !== day) {
      day = dayOf(entry.sent_at);
      rows.push({ kind: "line", key: `day-${entry.id}`, text: day });
    }
    if (entry.origin && (entry.fresh_start || entry.resumed)) {
      rows.push({ kind: "line", key: `line-${entry.id}`, text: entry.answer });
      continue;
    }
    if (entry.text) rows.push(said(entry));
    if (entry.merged_into) continue;
    if (entry.origin && (entry.answer || entry.made)) answer = answered(entry, entry === last);
    else if (draft?.id === entry.id) answer = drafted(draft);
  }
  if (answer) rows.push(answer);
  const unanswered = pending.some(({ state }) => state === "queued");
  if (unanswered && !draft) rows.push({ kind: "typing", key: "typing" });
  return rows;
}

/** @param {Turn | Message} entry @returns {PersonRow} */
function said({ id, text, sent_at, error, ...entry }) {
  const state = entry.origin ? "answered" : entry.state;
  return { kind: "person", key: `person-${id}`, id, text, at: sent_at, state, error };
}

/** @param {Turn} turn @param {boolean} last @returns {BotRow} */
function answered({ id, sent_at, html, answer, origin, buttons, made, rating }, last) {
  const kept = { key: `bot-${id}`, id, html, answer, origin, made, rating, last };
  return { kind: "bot", ...kept, at: sent_at, buttons: last ? buttons : [] };
}

/** @param {Draft} draft @returns {BotRow} */
function drafted({ id, html }) {
  return { kind: "bot", key: `bot-${id}`, id, html, buttons: [], draft: true };
}
