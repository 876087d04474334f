// The turns as the server has them, by id, and the conversations between fresh starts.

import { isExchange, stretchesOf } from "./timeline.js";

const LONGEST_TITLE = 80;

export class Turns {
  /** @type {Map<string, Turn>} */
  #turns = new Map();
  cursor = ""; // where to read newer turns from
  older = ""; // where to read older turns from; "" when there are none

  get all() {
    return [...this.#turns.values()].sort((one, other) => one.sent_at - other.sent_at);
  }

  get newest() {
    return Math.max(0, ...[...this.#turns.values()].map(({ sent_at }) => sent_at));
  }

  /** @param {string} id */
  has(id) {
    return this.#turns.has(id);
  }

  /** @param {string} id */
  get(id) {
    return this.#turns.get(id);
  }

  /** Add `turns`. Returns those that are new. @param {Turn[]} turns */
  add(turns) {
    const fresh = turns.filter(({ id }) => !this.#turns.has(id));
    for (const turn of turns) this.#turns.set(turn.id, turn);
    return fresh;
  }

  clear() {
    this.#turns.clear();
    this.cursor = this.older = "";
  }

  /** The conversations, oldest first; the last is the current one, with id "". @returns {Stretch[]} */
  get stretches() {
    const stretches = stretchesOf(this.all);
    const current = stretches.pop() || [];
    const earlier = stretches.filter(isTalk);
    return [
      ...earlier.map((turns) => ({ id: turns[turns.length - 1].id, ...described(turns) })),
      { id: "", ...described(current) },
    ];
  }
}

/** @param {Turn[]} turns */
const isTalk = (turns) => turns.some((turn) => isExchange(turn) || turn.made);

/** @param {Turn[]} turns */
function described(turns) {
  const first = turns.find(isExchange) || turns.find(({ made }) => made);
  return { turns, title: (first?.text || "").slice(0, LONGEST_TITLE), at: first?.sent_at || 0 };
}
