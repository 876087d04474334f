// Which turns count, by the same rule as core/timeline.py. tests/timeline_cases.json holds both to
// it.

/** `turns` from one fresh start to the next, oldest first. One that was lifted is none.
 *  @param {Turn[]} turns */
export function stretchesOf(turns) {
  let current = /** @type {Turn[]} */ ([]);
  const stretches = [current];
  for (const turn of turns) {
    if (turn.fresh_start && !turn.lifted) {
      current = [];
      stretches.push(current);
    }
    current.push(turn);
  }
  return stretches;
}

const EXCHANGES = new Set(["model", "fallback", "filtered", "staff"]);

/** Whether it is a message with its answer, not a command, a notice or one that was merged.
 *  @param {Turn} turn */
export const isExchange = ({ origin, merged_into }) => EXCHANGES.has(origin) && !merged_into;

/** The ids of those whose message a later one answers anew. @param {Turn[]} turns */
export const replacedIn = (turns) =>
  new Set(turns.map(({ replaces }) => replaces).filter((id) => id !== ""));
