/* What each platform can show and send. The client reads this table, not the platform's name. */
import { parsed } from "./dom.js";

/** @type {{[channel in Playground.Channel]: Playground.Platform}} */
export const PLATFORMS = {
  telegram: {
    name: "Telegram",
    group: "Book club",
    reply: true,
    formatting: "entities",
    reads: "ticks",
    media: ["photo", "voice"],
  },
  messenger: { name: "Messenger", formatting: "plain", reads: "seen", media: ["photo", "voice"] },
  web: { name: "Web", formatting: "html", reads: "states", media: [], stop: true },
};

const GROUP = { id: -1001000000001, type: "supergroup", title: "Book club" };

let last = 0;
/** Numbers that increase with each call and from run to run, as in local/standins/people.py. */
function rising() {
  last = Math.max(last + 1, Date.now() - 1_700_000_000_000);
  return last;
}

/** @param {string} name */
const title = (name) => name[0].toUpperCase() + name.slice(1);

/** @param {string} path @param {object} body @returns {Promise<any>} */
async function post(path, body) {
  const answer = await fetch(`/playground/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim() || `answered with ${answer.status}`);
  return parsed(text) ?? {};
}

/**
 * Send what a person does, `{text, reply, press, quick, postback, media}`, as the platform's event.
 * @type {{[channel in Playground.Channel]: (person: string, ids: Playground.Ids,
 *   words: Playground.Words, world: Playground.World) => Promise<any>}}
 */
export const WRITE = {
  async telegram(person, ids, { text = "", group, reply, press, react, media }) {
    if (media) return post("write/telegram", { person, media });
    const number = rising();
    const from = { id: Number(ids.telegram), is_bot: false, first_name: title(person), language_code: "en" };
    /** @type {any} */
    const event = { update_id: number };
    if (press) {
      event.callback_query = { id: String(number), from, chat_instance: "1", data: press.press, message: press.message };
    } else if (react) {
      const emoji = (rating = 0) => (rating ? [{ type: "emoji", emoji: rating > 0 ? "👍" : "👎" }] : []);
      event.message_reaction = {
        chat: react.raw.chat,
        message_id: react.raw.message_id,
        user: from,
        date: Math.floor(Date.now() / 1000),
        old_reaction: emoji(react.before),
        new_reaction: emoji(react.rating),
      };
    } else {
      const chat = group ? GROUP : { id: from.id, type: "private", first_name: from.first_name };
      event.message = {
        message_id: number % 2 ** 31,
        date: Math.floor(Date.now() / 1000),
        from,
        chat,
        ...(reply ? { reply_to_message: reply } : {}),
        text,
        ...entitiesOf(text),
      };
    }
    return post("write/telegram", { person, event });
  },

  async messenger(person, ids, { text, quick, postback, react, media }) {
    if (media) return post("write/messenger", { person, media });
    const mid = `m_${rising()}`;
    /** @type {any} */
    const event = { sender: { id: ids.messenger }, timestamp: Date.now() };
    if (postback) event.postback = { mid, title: text, payload: postback };
    else if (react) event.reaction = reactionOf(react);
    else event.message = { mid, text, ...(quick ? { quick_reply: { payload: quick } } : {}) };
    return post("write/messenger", { person, event });
  },

  async web(person, _, { text = "", react }, { web }) {
    if (react) return post(`web/${person}/rating`, { ...react.raw, rating: react.rating });
    const message = { text, id: `play-${rising()}`, sent_at: Date.now() };
    web.pending(person, message);
    try {
      const answer = await post(`web/${person}/messages`, message);
      web.mark(person, message.id, "queued");
      return answer;
    } catch (error) {
      web.mark(person, message.id, "failed");
      throw error;
    }
  },
};

/** @param {string} person @param {string} id */
export const stop = (person, id) => post(`web/${person}/stop`, { id });
/** @param {string} name @param {string} choice */
export const turn = (name, choice) => post("switch", { name, choice });
/** @param {Playground.Channel} channel @param {Playground.Ids} ids @param {boolean} group */
export const chatOf = (channel, ids, group) =>
  channel === "telegram" ? (group ? GROUP.id : Number(ids.telegram)) : ids[channel];

/** @param {NonNullable<Playground.Words["react"]>} react */
function reactionOf({ raw, rating }) {
  if (!rating) return { mid: raw.mid, action: "unreact" };
  return { mid: raw.mid, action: "react", reaction: rating > 0 ? "like" : "dislike" };
}

/** @param {string} text */
function entitiesOf(text) {
  const entities = [];
  const command = /^\/\w+(@\w+)?/.exec(text);
  if (command) entities.push({ type: "bot_command", offset: 0, length: command[0].length });
  for (const match of text.matchAll(/@\w+/g)) {
    if (!command || match.index) entities.push({ type: "mention", offset: match.index, length: match[0].length });
  }
  return entities.length ? { entities } : {};
}
