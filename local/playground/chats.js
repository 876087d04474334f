/* The chats that people see on each platform, from their messages and the bot's accepted calls. */

/** @type {{[mark: string]: number}} */
const THUMBS = { "👍": 1, "👎": -1, like: 1, dislike: -1 };
const TYPING = { telegram: 5, messenger: 20 }; // seconds, as the platforms show it

export class Chat {
  /** @type {Map<string, Playground.Message>} */
  messages = new Map();
  /** @type {Playground.Draft?} */
  draft = null;
  typing = 0; // "typing" is shown until then, in epoch seconds
  heard = 0; // epoch seconds of the bot's last sign: messages before it count as read
  awaiting = false; // whether a message of the web page has no answer yet
  locked = false;
  /** @type {Playground.Quick[]} */
  quick = [];

  /** @param {Playground.Message} message */
  say(message) {
    this.messages.set(message.id, message);
    this.quick = message.quick ?? [];
  }
}

/** @typedef {string | number} Id The platform's id of a chat. */

class Chats {
  /** @type {Map<Id, Chat>} */
  chats = new Map();
  /** @type {Playground.MenuEntry[]} */
  menu = [];
  /** @type {Id?} */
  latest = null; // the chat of the last event, which is shown if the platform is real

  /** @param {Id} id */
  chat(id) {
    const chat = this.chats.get(id) ?? new Chat();
    this.chats.set(id, chat);
    this.latest = id;
    return chat;
  }
}

export class Telegram extends Chats {
  /** @param {{event: any}} written */
  written({ event }) {
    const { message, message_reaction: reaction } = event;
    const rated = reaction && this.chat(reaction.chat.id).messages.get(String(reaction.message_id));
    if (rated) rated.rating = THUMBS[reaction.new_reaction[0]?.emoji] ?? 0;
    if (message) this.chat(message.chat.id).say(telegramMessage(message));
  }

  /** @param {Playground.Call} call */
  call({ method, params, result, at }) {
    if (method === "setMyCommands" && !params.language_code && !params.scope) {
      /** @type {{command: string, description: string}[]} */
      const commands = params.commands;
      this.menu = commands.map(({ command, description }) => ({
        label: `/${command}`, hint: description, text: `/${command}`,
      }));
    }
    if (!params.chat_id) return;
    const chat = this.chat(Number(params.chat_id));
    chat.heard = at;
    if (method === "sendChatAction") chat.typing = at + TYPING.telegram;
    if (method === "sendMessageDraft") {
      chat.draft = params.text ? { text: params.text, entities: params.entities } : null;
      chat.typing = 0;
    }
    if (method === "setMessageReaction") {
      const message = chat.messages.get(String(params.message_id));
      if (message) message.reaction = params.reaction?.[0]?.emoji ?? "";
    }
    if (result?.document && params.document?.filename) result.document.file_name = params.document.filename;
    if (result?.message_id) {
      chat.say(telegramMessage(result));
      if (method.startsWith("send")) {
        chat.typing = 0;
        chat.draft = null;
      }
    }
  }
}

/** @param {any} message @returns {Playground.Message} */
function telegramMessage(message) {
  /** @type {any[]} */
  const rows = message.reply_markup?.inline_keyboard ?? [];
  const photo = message.photo?.at(-1);
  const quoted = message.reply_to_message;
  return {
    id: String(message.message_id),
    from: message.from?.id,
    author: message.from?.first_name ?? "",
    at: message.date,
    text: message.text ?? message.caption ?? "",
    entities: message.entities ?? message.caption_entities ?? [],
    image: photo ? `/playground/sent/${photo.file_id}` : "",
    file: fileOf(message.document, message.document && `/playground/sent/${message.document.file_id}`),
    voice: message.voice ? `/playground/sent/${message.voice.file_id}` : "",
    quote: quoted && { author: quoted.from?.first_name ?? "", text: quoted.text ?? quoted.caption ?? "…" },
    rows: rows.map((row) =>
      row.map((/** @type {any} */ button) => ({ label: button.text, press: button.callback_data, url: button.url })),
    ),
    rating: message.from?.is_bot ? 0 : undefined,
    raw: message,
  };
}

/** @param {any} document @param {string} url */
const fileOf = (document, url) => document && { name: document.file_name || "File", url };

export class Messenger extends Chats {
  /** @param {{event: any}} written */
  written({ event }) {
    const { message, postback, reaction, timestamp } = event;
    const chat = this.chat(event.sender.id);
    const rated = reaction && chat.messages.get(reaction.mid);
    if (rated) rated.rating = THUMBS[reaction.reaction] ?? 0;
    if (message?.is_echo || !(message || postback)) return;
    const attachment = message?.attachments?.[0];
    chat.say({
      id: message?.mid ?? postback?.mid ?? String(timestamp),
      from: event.sender.id,
      at: timestamp / 1000,
      text: message?.text ?? postback?.title ?? "",
      image: attachment?.type === "image" ? shown(attachment.payload.url) : "",
      voice: attachment?.type === "audio" ? shown(attachment.payload.url) : "",
    });
  }

  /** @param {Playground.Call} call */
  call({ number, method, params, result, at }) {
    if (method === "POST messenger_profile") this.menu = menuOf(params.persistent_menu);
    const person = params.recipient?.id;
    if (!person) return;
    const chat = this.chat(person);
    if (params.sender_action === "mark_seen") chat.heard = at;
    if (params.sender_action === "typing_on") chat.typing = at + TYPING.messenger;
    const { message } = params;
    if (!message) return;
    chat.typing = 0;
    chat.heard = at;
    const { type, payload } = message.attachment ?? {};
    /** @type {any[]} */
    const buttons = payload?.buttons ?? [];
    /** @type {any[]} */
    const replies = message.quick_replies ?? [];
    const url = payload?.url ? shown(payload.url) : `/playground/sent/${number}`;
    chat.say({
      id: result.message_id,
      from: "bot",
      at,
      text: message.text ?? payload?.text ?? "",
      image: type === "image" ? url : "",
      file: type === "file" ? { name: params.filedata?.filename ?? "File", url } : null,
      rows: buttons.length ? [buttons.map((each) => ({ label: each.title, postback: each.payload }))] : [],
      rating: 0,
      raw: { mid: result.message_id },
      quick: replies.map((each) => ({ label: each.title, quick: each.payload })),
    });
  }
}

/** The URL of a stand-in's file on this page's own port. @param {string} url */
const shown = (url) => url.replace(/^http:\/\/127\.0\.0\.1:\d+\/files\//, "/_local/graph/files/");

/** @param {any[]} [menus] @returns {Playground.MenuEntry[]} */
function menuOf(menus = []) {
  /** @type {any[]} */
  const items = menus.find((menu) => menu.locale === "default")?.call_to_actions ?? [];
  return items.filter((item) => item.type === "postback")
    .map(({ title, payload }) => ({ label: title, hint: payload, postback: payload, text: title }));
}

export class Web extends Chats {
  /**
   * Show a message that was just written, before the page's API returns it.
   * @param {string} person @param {{id: string, text: string, sent_at: number}} message
   */
  pending(person, message) {
    const chat = this.chat(person);
    chat.say({ id: message.id, from: person, at: message.sent_at / 1000, text: message.text, state: "sending" });
    chat.awaiting = true;
  }

  /** @param {string} person @param {string} id @param {string} state */
  mark(person, id, state) {
    const message = this.chat(person).messages.get(id);
    if (message) message.state = state;
  }

  /** @param {string} person @param {Page} page */
  read(person, { turns, draft, locked }) {
    const chat = this.chat(person);
    for (const turn of turns) {
      chat.messages.delete(turn.id);
      chat.messages.delete(`${turn.id} answer`);
      const at = turn.sent_at / 1000;
      const raw = { id: turn.id, sent_at: turn.sent_at };
      chat.say({ id: turn.id, from: person, at, text: turn.text, state: "answered", raw });
      if (!turn.answer && !turn.html && !turn.made) continue;
      const made = turn.made && `/playground/web/${person}/files/${turn.made.url.split("/").pop()}`;
      const picture = turn.made?.type.startsWith("image/");
      chat.say({
        id: `${turn.id} answer`,
        from: "bot",
        at,
        html: turn.html,
        text: turn.answer,
        image: made && picture ? made : "",
        file: made && !picture ? { name: turn.made?.title || "File", url: made } : null,
        rows: turn.buttons?.length
          ? [turn.buttons.map(({ label, payload }) => ({ label, send: payload }))] : [],
        rating: turn.origin === "model" ? turn.rating ?? 0 : undefined,
        raw,
      });
    }
    chat.messages = new Map([...chat.messages].sort(([, a], [, b]) => a.at - b.at));
    const waiting = [...chat.messages.values()].filter((each) => each.state && each.state !== "answered");
    chat.awaiting = waiting.length > 0;
    chat.draft = draft?.html && chat.awaiting ? { html: draft.html } : null;
    chat.locked = locked;
  }
}
