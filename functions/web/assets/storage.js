// The browser's storage; where it is refused, values are kept until the page is closed.

/** @param {"localStorage" | "sessionStorage"} name */
function kept(name) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  /** @template T @param {(storage: Storage) => T} act @param {() => T} instead */
  const attempt = (act, instead) => {
    try {
      return act(window[name]);
    } catch {
      return instead();
    }
  };
  return {
    /** @param {string} key */
    get: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key), () => null),
    /** @param {string} key @param {string} text */
    set: (key, text) => {
      memory.delete(key);
      attempt((storage) => storage.setItem(key, text), () => void memory.set(key, text));
    },
    /** @param {string} key */
    remove: (key) => {
      memory.delete(key);
      attempt((storage) => storage.removeItem(key), () => {});
    },
    keys: () => [...memory.keys(), ...attempt((storage) => Object.keys(storage), () => [])],
  };
}

/** Shared by all tabs, and permanent. */
export const shared = kept("localStorage");
/** Of this tab: survives a reload. */
export const ofTab = kept("sessionStorage");
