// What the browser keeps for the page; where it refuses, it is kept until the page closes.

function kept(name) {
  const memory = new Map();
  const attempt = (act, instead) => {
    try {
      return act(window[name]);
    } catch {
      return instead();
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key), () => null),
    set: (key, text) => {
      memory.delete(key);
      attempt((storage) => storage.setItem(key, text), () => memory.set(key, text));
    },
    remove: (key) => {
      memory.delete(key);
      attempt((storage) => storage.removeItem(key), () => {});
    },
    keys: () => [...memory.keys(), ...attempt((storage) => Object.keys(storage), () => [])],
  };
}

/** Shared by the tabs of this browser, and kept. */
export const shared = kept("localStorage");
/** Of this tab: outlives a reload. */
export const ofTab = kept("sessionStorage");
