// Messages that have no answer yet. Each keeps its id and time over reloads, retries and tabs: by
// them the server recognises a message that it already has.

import { Refused, TooMany, Unavailable, sendMessage } from "./api.js";
import { shared } from "./storage.js";

const PREFIX = "message.";
const PATIENCE = 5 * 60_000; // ms without an answer after which the message counts as lost

/** `state` is waiting (to be sent), queued (the server has it) or failed (`error` says why). */
export class Outbox {
  #paused = 0; // time before which the server takes no more
  #behind = 0; // ms that this clock is behind the server's, known when the server refused a time

  /** @param {() => void} changed */
  constructor(changed) {
    window.addEventListener("storage", ({ key }) => key?.startsWith(PREFIX) && changed());
  }

  /** @returns {Message[]} */
  get all() {
    return shared
      .keys()
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => JSON.parse(shared.get(key) || "null"))
      .filter(Boolean)
      .sort((one, other) => one.sent_at - other.sent_at);
  }

  /** Whether any message waits for an answer. */
  get awaited() {
    return this.all.filter(({ state }) => state !== "failed");
  }

  /**
   * `after` is the time of the newest known message: order is kept even if the clock is set back.
   * @param {string} text @param {number} after
   */
  add(text, after) {
    const newest = Math.max(after, ...this.all.map(({ sent_at }) => sent_at));
    const sent_at = Math.max(Date.now() + this.#behind, newest + 1);
    this.#put({ id: crypto.randomUUID(), text, sent_at, state: "waiting" });
  }

  /**
   * Send a failed message again. It gets a new time only if the server surely refused it.
   * @param {string} id @param {number} after
   */
  retry(id, after) {
    const message = this.all.find((each) => each.id === id);
    if (!message) return;
    this.remove(id);
    this.add(message.text, after);
  }

  /** @param {string} id */
  remove(id) {
    shared.remove(PREFIX + id);
  }

  /** Whether any message is to be sent. */
  get waits() {
    return this.#next !== undefined;
  }

  get #next() {
    const due = Date.now() - PATIENCE;
    return this.all.find(
      ({ state, queued_at = due }) => state === "waiting" || (state === "queued" && queued_at < due),
    );
  }

  /**
   * Send waiting messages in order, in one tab at a time; none while the server takes no more.
   * Throws Unavailable, and Refused (401, 403).
   */
  async send() {
    if (!this.waits || Date.now() < this.#paused) return;
    const sendAll = async () => {
      for (let next = this.#next; next; next = this.#next) await this.#sendOne(next);
    };
    try {
      if (navigator.locks) await navigator.locks.request("outbox", sendAll);
      else await sendAll();
    } catch (error) {
      if (!(error instanceof TooMany)) throw error;
      this.#paused = Date.now() + error.wait;
    }
  }

  /** @param {Message} message */
  async #sendOne(message) {
    try {
      await sendMessage(message);
      this.#put({ ...message, state: "queued", queued_at: Date.now() });
    } catch (error) {
      if (error instanceof Unavailable) this.#put({ ...message, uncertain: true });
      if (!(error instanceof Refused) || [401, 403].includes(error.status)) throw error;
      const now = error.message.startsWith("sent_at") && error.now;
      if (now) this.#behind = now - Date.now();
      // Not accepted, unless an earlier try was: a new time would then make it another message.
      if (now && !message.uncertain && !message.restamped) {
        this.#put({ ...message, sent_at: now, restamped: true });
      } else {
        this.#put({ ...message, state: "failed", error: error.message });
      }
    }
  }

  /** @param {Message} message */
  #put(message) {
    shared.set(PREFIX + message.id, JSON.stringify(message));
  }
}
