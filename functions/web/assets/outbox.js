// Messages from the moment they are written until their answer is here. Each keeps its id and time
// over reloads, retries and tabs, which is how the server recognises one that it has already.

import { Refused, Unavailable, sendMessage } from "./api.js";
import { shared } from "./storage.js";

const PREFIX = "message.";
const PATIENCE = 5 * 60_000; // an answer that stays away so long: was the message lost?

/** `state` is waiting (to be sent), queued (the server has it) or failed (`error` says why). */
export class Outbox {
  #behind = 0; // what this clock lacks of the server's, where the server complained

  constructor(changed) {
    window.addEventListener("storage", ({ key }) => key?.startsWith(PREFIX) && changed());
  }

  get all() {
    return shared
      .keys()
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => shared.get(key))
      .filter(Boolean)
      .map((text) => JSON.parse(text))
      .sort((one, other) => one.sent_at - other.sent_at);
  }

  /** Whether anything is still on its way. */
  get awaited() {
    return this.all.filter(({ state }) => state !== "failed");
  }

  /** `after` is the time of the newest message known: even a clock that was set back keeps order. */
  add(text, after) {
    const newest = Math.max(after, ...this.all.map(({ sent_at }) => sent_at));
    const sent_at = Math.max(Date.now() + this.#behind, newest + 1);
    this.#put({ id: crypto.randomUUID(), text, sent_at, state: "waiting" });
  }

  /** Sends again what failed; only what the server surely refused gets another time. */
  retry(id, after) {
    const message = this.all.find((each) => each.id === id);
    if (!message) return;
    this.remove(id);
    this.add(message.text, after);
  }

  remove(id) {
    shared.remove(PREFIX + id);
  }

  /** Whether anything is to be sent. */
  get waits() {
    return this.#next !== undefined;
  }

  get #next() {
    const due = Date.now() - PATIENCE;
    return this.all.find(
      ({ state, queued_at }) => state === "waiting" || (state === "queued" && queued_at < due),
    );
  }

  /** Send what waits, in order, in one tab at a time. Raises Unavailable, and Refused (401, 403). */
  async send() {
    if (!this.waits) return;
    const locks = navigator.locks || { request: (_, act) => act() };
    await locks.request("outbox", async () => {
      let message;
      while ((message = this.#next)) await this.#sendOne(message);
    });
  }

  async #sendOne(message) {
    try {
      await sendMessage(message);
      this.#put({ ...message, state: "queued", queued_at: Date.now() });
    } catch (error) {
      if (error instanceof Unavailable) this.#put({ ...message, uncertain: true });
      if (!(error instanceof Refused) || [401, 403].includes(error.status)) throw error;
      const wrongTime = error.now && error.message.startsWith("sent_at");
      if (wrongTime) this.#behind = error.now - Date.now();
      // Surely not taken, unless an earlier try was: then another time would make it another one.
      if (wrongTime && !message.uncertain && !message.restamped) {
        this.#put({ ...message, sent_at: error.now, restamped: true });
      } else {
        this.#put({ ...message, state: "failed", error: error.message });
      }
    }
  }

  #put(message) {
    shared.set(PREFIX + message.id, JSON.stringify(message));
  }
}
