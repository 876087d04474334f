// The conversation as the server has it: turns by id, and the stretches between fresh starts.

const LONGEST_TITLE = 80;

export class Turns {
  #turns = new Map();
  cursor = ""; // to read on from
  older = ""; // to read back from; "" when the beginning is known

  get all() {
    return [...this.#turns.values()].sort((one, other) => one.sent_at - other.sent_at);
  }

  get newest() {
    return Math.max(0, ...[...this.#turns.values()].map(({ sent_at }) => sent_at));
  }

  has(id) {
    return this.#turns.has(id);
  }

  get(id) {
    return this.#turns.get(id);
  }

  /** Those of `turns` that were not known. */
  add(turns) {
    const fresh = turns.filter(({ id }) => !this.#turns.has(id));
    for (const turn of turns) this.#turns.set(turn.id, turn);
    return fresh;
  }

  clear() {
    this.#turns.clear();
    this.cursor = this.older = "";
  }

  /** Oldest first; the last one is the current one, with id "". */
  get stretches() {
    const stretches = [[]];
    for (const turn of this.all) {
      if (turn.fresh_start && !turn.lifted) stretches.push([]);
      stretches.at(-1).push(turn);
    }
    const current = stretches.pop();
    return [
      ...stretches.filter(isTalk).map((turns) => ({ id: turns.at(-1).id, ...described(turns) })),
      { id: "", ...described(current) },
    ];
  }
}

const isCommand = ({ text }) => text.startsWith("/");
const isTalk = (turns) => turns.some((turn) => !isCommand(turn) || turn.made);

function described(turns) {
  const first = turns.find((turn) => !isCommand(turn)) || turns.find(({ made }) => made);
  return { turns, title: (first?.text || "").slice(0, LONGEST_TITLE), at: first?.sent_at || 0 };
}
