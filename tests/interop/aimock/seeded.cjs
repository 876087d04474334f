// Makes Math.random repeatable, by the environment's SEED: aimock throws its dice for chaos with it,
// and has no option for a seed. Mulberry32 (Tommy Ettinger, public domain).
let state = Number(process.env.SEED);
if (!Number.isInteger(state)) throw new Error("SEED has to be a whole number");

Math.random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
