// Schedules sending and reading: often while an answer is awaited, then less and less; never while
// the page is hidden or everything is answered.

import { Refused, Unavailable, readTurns } from "./api.js";
import { ofTab } from "./storage.js";

const BEGINNING = "0000000000000.0"; // a cursor that sorts before every turn
const FAST = 350;
const WRITING = 700; // while an answer is streamed
const SLOWEST = 15_000;
const GROWTH = 1.25;

/** `tell` is called after every change, with the turns that arrived since the page was opened. */
export class Reader {
  /** @type {Draft?} */
  draft = null;
  locked = false;
  offline = false;
  ready = false;
  #delay = FAST;
  #timer = 0;
  #running = false;
  #again = false;

  /**
   * @param {import("./turns.js").Turns} turns @param {import("./outbox.js").Outbox} outbox
   * @param {(fresh: Turn[]) => void} tell
   */
  constructor(turns, outbox, tell) {
    this.turns = turns;
    this.outbox = outbox;
    this.tell = tell;
    document.addEventListener("visibilitychange", () => document.hidden || this.soon());
    window.addEventListener("online", () => this.soon());
    window.addEventListener("pageshow", (event) => event.persisted && this.soon());
  }

  /** Send and read at once. */
  soon() {
    this.#delay = FAST;
    this.#step();
  }

  /** Read the page of turns before the known ones. */
  async readOlder() {
    const before = this.turns.older;
    if (!before) return;
    const page = await readTurns({ before });
    if (before !== this.turns.older) return;
    this.turns.add(page.turns);
    this.turns.older = page.earlier;
    this.tell([]);
  }

  /** @returns {Promise<void>} */
  async #step() {
    clearTimeout(this.#timer);
    this.#again = this.#running;
    if (this.#running) return;
    this.#running = true;
    try {
      if (!this.locked) await this.outbox.send();
      if (!document.hidden) await this.#read();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = false;
    }
    if (this.#again) return this.#step();
    this.#wait();
  }

  async #read() {
    const { turns, outbox } = this;
    const [oldest] = outbox.awaited;
    // An answer is sorted by the time of its message: read from just before that.
    const edge = oldest ? `${String(oldest.sent_at - 1).padStart(13, "0")}.0` : turns.cursor;
    let after = edge < turns.cursor ? edge : turns.cursor;
    const first = !after;
    /** @type {Turn[]} */
    const fresh = [];
    let page;
    do {
      page = await readTurns(after ? { after } : {});
      this.locked = page.locked;
      this.offline = false;
      fresh.push(...turns.add(page.turns));
      after = page.cursor;
    } while (page.more);
    if (first) turns.older = page.earlier;
    turns.cursor = after > turns.cursor ? after : turns.cursor || BEGINNING;
    for (const { id } of outbox.all) if (turns.has(id)) outbox.remove(id);
    this.#drafted(page.draft);
    if (!first && fresh.some(rewrites)) return this.#readAnew();
    ofTab.remove("renewed");
    const known = !first && this.ready;
    this.ready = true;
    this.tell(known ? fresh : []);
  }

  /** Read everything again: conversations were joined or erased. */
  async #readAnew() {
    const page = await readTurns({});
    this.turns.clear();
    this.turns.add(page.turns);
    this.turns.cursor = page.cursor || BEGINNING;
    this.turns.older = page.earlier;
    this.tell(page.turns.slice(-1));
  }

  /** @param {Draft?} draft */
  #drafted(draft) {
    const next = draft && !this.turns.has(draft.id) ? draft : null;
    if (next && next.html !== this.draft?.html) this.#delay = WRITING / GROWTH;
    this.draft = next;
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof Refused) && !(error instanceof Unavailable)) throw error;
    const status = error instanceof Refused && error.status;
    if (status === 403 && error.message === "access") this.locked = true;
    else if (status === 401 && !ofTab.get("renewed")) {
      ofTab.set("renewed", "yes"); // only once: loading the page sets a new cookie
      location.reload();
    } else this.offline = true;
    this.tell([]);
  }

  #wait() {
    const awaited = this.outbox.awaited.length > 0 || this.draft || this.offline;
    if (this.locked || (document.hidden ? !this.outbox.waits : !awaited)) return;
    this.#delay = Math.min(this.#delay * GROWTH * (this.offline ? 1.6 : 1), SLOWEST);
    this.#timer = setTimeout(() => this.#step(), this.#delay);
  }
}

// The command that erases everything stores no text of its own message.
/** @param {Turn} turn */
const rewrites = ({ resumed, origin, text }) => resumed || (origin === "command" && !text);
