/* The one client of all platforms: a column with a chat. What differs is in platforms.js. */
import { clock, icon, keep, make } from "./dom.js";
import { formatted } from "./entities.js";
import { PLATFORMS, WRITE, chatOf, stop } from "./platforms.js";

export class Client {
  constructor(channel, world) {
    this.channel = channel;
    this.world = world;
    this.platform = PLATFORMS[channel];
    this.group = false;
    this.reply = null;
    this._build();
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
    if (this.real) return this.chats.latest === null ? null : this.chats.chats.get(this.chats.latest);
    const ids = this.world.people[this.person];
    const id = this.channel === "web" ? this.person : chatOf(this.channel, ids, this.group);
    return this.chats.chats.get(id) ?? null;
  }

  _build() {
    const { name, group, media } = this.platform;
    this.status = make("p.status", {}, "bot");
    this.places = group ? make("div.choice.places", { role: "group", ariaLabel: `${name} chat` }) : "";
    this.low = true; // at the end of the chat, where one stays
    this.log = make("div.log", { role: "log", ariaLabel: `${name} chat`, tabIndex: 0 });
    this.log.addEventListener("scroll", () => {
      this.low = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    });
    this.log.addEventListener("load", () => this._sink(), true); // pictures
    this.quick = make("div.quick");
    this.text = make("textarea", {
      rows: 1,
      placeholder: "Message",
      ariaLabel: `Message on ${name}`,
      onkeydown: (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this._send();
        }
      },
      oninput: () => this._grow(),
    });
    this.menu = make("details.menu", {}, make("summary", { title: "Menu", ariaLabel: `${name} menu` }, icon("menu")), make("div"));
    const titles = { photo: "Send a sample photo", voice: "Send a sample voice note" };
    this.extras = media.map((kind) =>
      make("button.media", { type: "button", title: titles[kind], ariaLabel: `${titles[kind]} on ${name}`,
        onclick: () => this.write({ media: kind, text: "" }) }, icon(kind)),
    );
    this.replying = make("p.replying", { hidden: true });
    this.form = make("form", { onsubmit: (event) => { event.preventDefault(); this._send(); } },
      this.menu, this.extras, this.text, make("button.send", { ariaLabel: `Send on ${name}`, title: "Send" }, icon("send")));
    this.element = make(`section.phone.${this.channel}`, { ariaLabel: name },
      make("header", {}, make("span.avatar", { ariaHidden: "true" }, name[0]),
        make("div", {}, make("h2", {}, name), this.status), this.places),
      this.log, this.quick, this.replying, this.form);
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

  async write(words) {
    const reply = this.reply;
    this._answer(null);
    try {
      const ids = this.world.people[this.person];
      const answer = await WRITE[this.channel](this.person, ids, { group: this.group, reply, ...words }, this.world);
      if (answer.status >= 400) this.world.tell(`The webhook answered ${answer.status}: the platform would send it again.`);
    } catch (error) {
      this.world.tell(`Not sent: ${error.message}`);
    }
    this.world.draw();
  }

  _mention() {
    return `@${this.world.bot.username} `;
  }

  _answer(message) {
    this.reply = message?.raw ?? null;
    this.replying.hidden = !message;
    this.replying.replaceChildren(...(message
      ? [`Reply to: ${message.text.slice(0, 60)}`, make("button", { type: "button", onclick: () => this._answer(null), ariaLabel: "Do not reply" }, icon("close"))]
      : []));
    if (message) this.text.focus();
  }

  _go(group) {
    this.group = group;
    this._answer(null);
    const mention = this._mention();
    if (group && !this.text.value) this.text.value = mention;
    if (!group && this.text.value === mention) this.text.value = "";
    this.world.draw();
  }

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

  _drawAround(chat, now) {
    const typing = chat && (chat.typing > now || (chat.awaiting && !chat.draft));
    const who = `@${this.world.bot.username}`;
    this.status.textContent = this.real ? `real: write to ${who} there` : typing ? "typing…" : chat?.locked ? "locked" : "bot";
    this.form.hidden = this.real;
    for (const button of this.extras) button.hidden = this.group;
    if (this.places) {
      const places = [[false, "Private"], [true, this.platform.group]];
      keep(this.places, this.real ? [] : places.map(([group, label]) => [label, `${this.group}`, () =>
        make("button", { type: "button", ariaPressed: String(this.group === group), onclick: () => this._go(group) }, label)]));
    }
    keep(this.quick, (chat?.quick ?? []).map((each) => [each.label, each.quick, () =>
      make("button", { type: "button", onclick: () => this.write({ text: each.label, quick: each.quick }) }, each.label)]));
    const entries = this.chats.menu;
    this.menu.hidden = !entries.length;
    keep(this.menu.lastElementChild, entries.map((entry) => [entry.label, entry.hint, () =>
      make("button", { type: "button", onclick: () => { this.menu.open = false; this.write(entry); } },
        make("b", {}, entry.label), " ", make("small", {}, entry.hint))]));
  }

  _items(chat, messages, now) {
    const seen = this.platform.reads === "seen" ? this._lastSeen(chat, messages) : null;
    const items = messages.map((message, place) => {
      const own = this._own(message);
      const read = message.at <= (chat.heard || 0) + 1;
      const joined = messages[place + 1] && this._own(messages[place + 1]) === own && messages[place + 1].from === message.from;
      const signature = JSON.stringify([message, read, joined, seen === message, this.person]);
      return [`m${message.id}`, signature, () => this._message(message, { own, read, joined, seen: seen === message })];
    });
    if (chat?.draft) {
      const { text, entities, html } = chat.draft;
      items.push(["draft", JSON.stringify(chat.draft), () => make("div.bot.draft", {}, make("div.bubble", {}, words(text, entities, html, this.platform)), this._stop(messages))]);
    } else if (chat && (chat.typing > now || chat.awaiting)) {
      items.push(["typing", "", () => make("div.bot.typing", {}, make("div.bubble", { role: "img", ariaLabel: "The bot is typing" }, make("i"), make("i"), make("i")))]);
    }
    return items;
  }

  _own(message) {
    if (this.channel === "telegram") {
      return this.real ? !message.raw.from?.is_bot : message.from === Number(this.world.people[this.person].telegram);
    }
    return message.from !== "bot";
  }

  _lastSeen(chat, messages) {
    return messages.filter((each) => this._own(each) && each.at <= (chat?.heard ?? 0) + 1).at(-1) ?? null;
  }

  _stop(messages) {
    if (!this.platform.stop) return null;
    const open = messages.filter((each) => each.state && each.state !== "answered").at(0);
    return open ? make("button.stop", { type: "button", onclick: () => stop(this.person, open.id).catch((error) => this.world.tell(error.message)) }, "Stop") : null;
  }

  _message(message, { own, read, joined, seen }) {
    const name = !own && this.group && message.author ? make("b.author", {}, message.author) : null;
    const quote = message.quote ? make("blockquote.quote", {}, make("b", {}, message.quote.author), " ", message.quote.text.slice(0, 80)) : null;
    const image = message.image ? make("img", { src: message.image, alt: "Picture" }) : null;
    const file = message.file ? make("a.file", { href: message.file.url, download: message.file.name }, icon("file"), " ", message.file.name) : null;
    const voice = message.voice
      ? make("p.voice", {}, make("button.play", { type: "button", ariaLabel: "Play the voice note", onclick: () => new Audio(message.voice).play() }, icon("play")), icon("wave")) : null;
    const meta = this._meta(message, own, read);
    const text = message.text || message.html ? words(message.text, message.entities, message.html, this.platform) : null;
    const bubble = make("div.bubble", {}, name, quote, image, voice, file, text, meta);
    const rows = (message.rows ?? []).map((row) => make("div.row", {}, row.map((button) => this._button(button, message))));
    return make(`div.${own ? "own" : "bot"}${joined ? ".joined" : ""}`, {}, bubble,
      message.reaction ? make("span.reaction", {}, message.reaction) : null,
      rows, this._rating(message), seen ? make("p.seen", {}, "Seen") : null);
  }

  _meta(message, own, read) {
    const ticks = own && this.platform.reads === "ticks"
      ? make("span.ticks", { title: read ? "The bot is at it" : "Sent", ariaLabel: read ? "read" : "sent", role: "img" }, read ? "✓✓" : "✓") : null;
    const state = message.state && message.state !== "answered" ? ` · ${message.state}` : "";
    const reply = this.platform.reply && !own && !this.real
      ? make("button.answer", { type: "button", title: "Reply to this", ariaLabel: "Reply to this", onclick: () => this._answer(message) }, icon("reply")) : null;
    return make("span.meta", {}, reply, clock(message.at), state, ticks);
  }

  _button(button, message) {
    if (button.url) return make("a.key", { href: button.url, target: "_blank", rel: "noreferrer" }, button.label);
    const press = () => this.write(button.press ? { press: { ...button, message: message.raw } }
      : button.postback ? { text: button.label, postback: button.postback } : { text: button.send });
    return make("button.key", { type: "button", onclick: press }, button.label);
  }

  _rating(message) {
    if (message.rating === undefined || this.real || this.group) return null;
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

function words(text, entities, html, { formatting }) {
  const shown = make("div.words");
  if (formatting === "html" && html) shown.innerHTML = html; // safe: made so by the read API
  else shown.append(...(formatting === "entities" ? formatted(text, entities) : [text]));
  for (const scrolled of shown.querySelectorAll("pre, table")) scrolled.tabIndex = 0;
  return shown;
}
