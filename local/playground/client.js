/* The client of every platform: a column with a chat. Differences are in platforms.js. */
import { clock, icon, keep, make, said } from "./dom.js";
import { formatted } from "./entities.js";
import { PLATFORMS, WRITE, chatOf, stop } from "./platforms.js";

/** @typedef {Playground.Message} Message @typedef {import("./chats.js").Chat} Chat */

export class Client {
  group = false;
  /** @type {any} */
  reply = null; // `raw` of the message that is being replied to
  low = true; // whether the chat is scrolled to its end, and is kept there
  shownFor = ""; // the person whose chat is shown
  status = make("p.status", {}, "bot");
  quick = make("div.quick");
  replying = make("p.replying", { hidden: true });

  /** @param {Playground.Channel} channel @param {Playground.World} world */
  constructor(channel, world) {
    this.channel = channel;
    this.world = world;
    this.platform = PLATFORMS[channel];
    const { name, group, media } = this.platform;
    this.places = group ? make("div.choice.places", { role: "group", ariaLabel: `${name} chat` }) : null;
    this.log = make("div.log", { role: "log", ariaLabel: `${name} chat`, tabIndex: 0 });
    this.log.addEventListener("scroll", () => {
      this.low = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    });
    this.log.addEventListener("load", () => this._sink(), true); // a picture has its size now
    this.text = make("textarea", {
      rows: 1,
      placeholder: "Message",
      ariaLabel: `Message on ${name}`,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this._send();
        }
      },
      oninput: () => this._grow(),
    });
    this.entries = make("div");
    this.menu = make("details.menu", {}, make("summary", { title: "Menu", ariaLabel: `${name} menu` }, icon("menu")), this.entries);
    const titles = { photo: "Send a sample photo", voice: "Send a sample voice note" };
    this.extras = media.map((kind) =>
      make("button.media", { type: "button", title: titles[kind], ariaLabel: `${titles[kind]} on ${name}`,
        onclick: () => this.write({ media: kind, text: "" }) }, icon(kind)),
    );
    const onsubmit = (/** @type {Event} */ event) => { event.preventDefault(); this._send(); };
    this.form = make("form", { onsubmit },
      this.menu, this.extras, this.text, make("button.send", { ariaLabel: `Send on ${name}`, title: "Send" }, icon("send")));
    this.element = make(`section.phone.${channel}`, { ariaLabel: name },
      make("header", {}, make("span.avatar", { ariaHidden: "true" }, name[0]),
        make("div", {}, make("h2", {}, name), this.status), this.places),
      this.log, this.quick, this.replying, this.form);
  }

  get chats() {
    return this.world[this.channel];
  }

  get person() {
    return this.world.person;
  }

  get real() {
    return this.world.real.includes(this.channel);
  }

  get chat() {
    if (this.real) return this.chats.latest === null ? null : this.chats.chats.get(this.chats.latest) ?? null;
    const ids = this.world.people[this.person];
    const id = this.channel === "web" ? this.person : chatOf(this.channel, ids, this.group);
    return this.chats.chats.get(id) ?? null;
  }

  _grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 120)}px`;
  }

  _send() {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = this.group ? this._mention() : "";
    this._grow();
    this.write({ text });
  }

  /** @param {Playground.Words} words */
  async write(words) {
    const reply = this.reply;
    this._answer(null);
    try {
      const ids = this.world.people[this.person];
      const answer = await WRITE[this.channel](this.person, ids, { group: this.group, reply, ...words }, this.world);
      if (answer.status >= 400) this.world.tell(`The webhook answered ${answer.status}: the platform would send it again.`);
    } catch (error) {
      this.world.tell(`Not sent: ${said(error)}`);
    }
    this.world.draw();
  }

  _mention() {
    return `@${this.world.bot.username} `;
  }

  /** @param {Message?} message */
  _answer(message) {
    this.reply = message?.raw ?? null;
    this.replying.hidden = !message;
    this.replying.replaceChildren(...(message
      ? [`Reply to: ${message.text.slice(0, 60)}`, make("button", { type: "button", onclick: () => this._answer(null), ariaLabel: "Do not reply" }, icon("close"))]
      : []));
    if (message) this.text.focus();
  }

  /** @param {boolean} group */
  _go(group) {
    this.group = group;
    this._answer(null);
    const mention = this._mention();
    if (group && !this.text.value) this.text.value = mention;
    if (!group && this.text.value === mention) this.text.value = "";
    this.world.draw();
  }

  /** @param {number} now */
  draw(now) {
    const chat = this.chat;
    const shownFor = `${this.person} ${this.group}`;
    const messages = [...(chat?.messages.values() ?? [])];
    keep(this.log, this._items(chat, messages, now));
    if (this.shownFor !== shownFor) this.low = true;
    this.shownFor = shownFor;
    this._sink();
    this._drawAround(chat, now);
  }

  _sink() {
    if (this.low) this.log.scrollTop = this.log.scrollHeight;
  }

  /** @param {Chat?} chat @param {number} now */
  _drawAround(chat, now) {
    const typing = chat && (chat.typing > now || (chat.awaiting && !chat.draft));
    const who = `@${this.world.bot.username}`;
    this.status.textContent = this.real ? `real: write to ${who} there` : typing ? "typing…" : chat?.locked ? "locked" : "bot";
    this.form.hidden = this.real;
    for (const button of this.extras) button.hidden = this.group;
    if (this.places) {
      keep(this.places, this.real ? [] : [this._place(false, "Private"), this._place(true, this.platform.group ?? "")]);
    }
    keep(this.quick, (chat?.quick ?? []).map((each) => [each.label, each.quick, () =>
      make("button", { type: "button", onclick: () => this.write({ text: each.label, quick: each.quick }) }, each.label)]));
    const entries = this.chats.menu;
    this.menu.hidden = !entries.length;
    keep(this.entries, entries.map((entry) => [entry.label, entry.hint, () =>
      make("button", { type: "button", onclick: () => { this.menu.open = false; this.write(entry); } },
        make("b", {}, entry.label), " ", make("small", {}, entry.hint))]));
  }

  /**
   * A button for the private chat or for the group.
   * @param {boolean} group @param {string} label @returns {Playground.Item}
   */
  _place(group, label) {
    return [label, `${this.group}`, () =>
      make("button", { type: "button", ariaPressed: String(this.group === group), onclick: () => this._go(group) }, label)];
  }

  /** @param {Chat?} chat @param {Message[]} messages @param {number} now */
  _items(chat, messages, now) {
    const seen = this.platform.reads === "seen" ? this._lastSeen(chat, messages) : null;
    /** @type {Playground.Item[]} */
    const items = messages.map((message, place) => {
      const own = this._own(message);
      const read = message.at <= (chat?.heard ?? 0) + 1;
      const joined = messages[place + 1] && this._own(messages[place + 1]) === own && messages[place + 1].from === message.from;
      const signature = JSON.stringify([message, read, joined, seen === message, this.person]);
      return [`m${message.id}`, signature, () => this._message(message, { own, read, joined, seen: seen === message })];
    });
    if (chat?.draft) {
      const { draft } = chat;
      items.push(["draft", JSON.stringify(draft), () => make("div.bot.draft", {}, make("div.bubble", {}, words(draft, this.platform)), this._stop(messages))]);
    } else if (chat && (chat.typing > now || chat.awaiting)) {
      items.push(["typing", "", () => make("div.bot.typing", {}, make("div.bubble", { role: "img", ariaLabel: "The bot is typing" }, make("i"), make("i"), make("i")))]);
    }
    return items;
  }

  /** Whether a person wrote it. @param {Message} message */
  _own(message) {
    if (this.channel === "telegram") {
      return this.real ? !message.raw.from?.is_bot : message.from === Number(this.world.people[this.person].telegram);
    }
    return message.from !== "bot";
  }

  /** @param {Chat?} chat @param {Message[]} messages */
  _lastSeen(chat, messages) {
    return messages.filter((each) => this._own(each) && each.at <= (chat?.heard ?? 0) + 1).at(-1) ?? null;
  }

  /** @param {Message[]} messages */
  _stop(messages) {
    if (!this.platform.stop) return null;
    const open = messages.filter((each) => each.state && each.state !== "answered").at(0);
    return open ? make("button.stop", { type: "button", onclick: () => stop(this.person, open.id).catch((error) => this.world.tell(said(error))) }, "Stop") : null;
  }

  /** @param {Message} message @param {{own: boolean, read: boolean, joined: boolean, seen: boolean}} shown */
  _message(message, { own, read, joined, seen }) {
    const name = !own && this.group && message.author ? make("b.author", {}, message.author) : null;
    const quote = message.quote ? make("blockquote.quote", {}, make("b", {}, message.quote.author), " ", message.quote.text.slice(0, 80)) : null;
    const image = message.image ? make("img", { src: message.image, alt: "Picture" }) : null;
    const file = message.file ? make("a.file", { href: message.file.url, download: message.file.name }, icon("file"), " ", message.file.name) : null;
    const voice = message.voice
      ? make("p.voice", {}, make("button.play", { type: "button", ariaLabel: "Play the voice note", onclick: () => new Audio(message.voice).play() }, icon("play")), icon("wave")) : null;
    const meta = this._meta(message, own, read);
    const text = message.text || message.html ? words(message, this.platform) : null;
    const bubble = make("div.bubble", {}, name, quote, image, voice, file, text, meta);
    const rows = (message.rows ?? []).map((row) => make("div.row", {}, row.map((button) => this._button(button, message))));
    return make(`div.${own ? "own" : "bot"}${joined ? ".joined" : ""}`, {}, bubble,
      message.reaction ? make("span.reaction", {}, message.reaction) : null,
      rows, this._rating(message), seen ? make("p.seen", {}, "Seen") : null);
  }

  /** @param {Message} message @param {boolean} own @param {boolean} read */
  _meta(message, own, read) {
    const ticks = own && this.platform.reads === "ticks"
      ? make("span.ticks", { title: read ? "The bot is at it" : "Sent", ariaLabel: read ? "read" : "sent", role: "img" }, read ? "✓✓" : "✓") : null;
    const state = message.state && message.state !== "answered" ? ` · ${message.state}` : "";
    const reply = this.platform.reply && !own && !this.real
      ? make("button.answer", { type: "button", title: "Reply to this", ariaLabel: "Reply to this", onclick: () => this._answer(message) }, icon("reply")) : null;
    return make("span.meta", {}, reply, clock(message.at), state, ticks);
  }

  /** @param {Playground.Button} button @param {Message} message */
  _button(button, message) {
    if (button.url) return make("a.key", { href: button.url, target: "_blank", rel: "noreferrer" }, button.label);
    const press = () => this.write(button.press ? { press: { ...button, message: message.raw } }
      : button.postback ? { text: button.label, postback: button.postback } : { text: button.send });
    return make("button.key", { type: "button", onclick: press }, button.label);
  }

  /** @param {Message} message */
  _rating(message) {
    if (message.rating === undefined || this.real || this.group) return null;
    /** @param {string} label @param {string} name @param {number} value */
    const thumb = (label, name, value) =>
      make("button", { type: "button", title: label, ariaLabel: label, ariaPressed: String(message.rating === value),
        onclick: () => {
          const before = message.rating;
          message.rating = before === value ? 0 : value;
          this.write({ react: { raw: message.raw, rating: message.rating, before } });
        } }, icon(name));
    return make("div.rating", {}, thumb("Good answer", "up", 1), thumb("Bad answer", "down", -1));
  }
}

/** @param {Playground.Draft} said @param {Playground.Platform} platform */
function words({ text = "", entities, html }, { formatting }) {
  const shown = make("div.words");
  if (formatting === "html" && html) shown.innerHTML = html; // the page's API returns safe HTML
  else shown.append(...(formatting === "entities" ? formatted(text, entities) : [text]));
  for (const scrolled of shown.querySelectorAll("pre, table")) scrolled.setAttribute("tabindex", "0");
  return shown;
}
