// Calls to the server, and the three ways in which they fail.

const LONGEST_WAIT = 20_000;

/** The server refused: repeating the call does not help. `now` is the server's time, if given. */
export class Refused extends Error {
  /** @param {number} status @param {{error?: string, now?: number}} body */
  constructor(status, { error, now }) {
    super(error || String(status));
    this.status = status;
    this.now = now;
  }
}

/** No connection, or the server is unavailable: whether the call arrived is unknown. */
export class Unavailable extends Error {}

/** The server takes no more for now; it surely did nothing. `wait` is in milliseconds. */
export class TooMany extends Error {
  /** @param {number} wait */
  constructor(wait) {
    super("429");
    this.wait = wait;
  }
}

/** @param {string} path @param {object} [body] */
async function call(path, body) {
  const post = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response, data;
  try {
    response = await fetch(path, { ...post, signal: AbortSignal.timeout(LONGEST_WAIT) });
    data = response.status === 204 ? {} : await response.json();
  } catch (error) {
    if (!response || response.ok) throw new Unavailable(String(error));
    data = {};
  }
  const wait = 1000 * Number(response.headers.get("retry-after"));
  if (response.status === 429 && wait) throw new TooMany(wait);
  if (response.status >= 500 || response.status === 429) throw new Unavailable(String(response.status));
  if (!response.ok) throw new Refused(response.status, data);
  return data;
}

/**
 * `query` is `{after}` or `{before}`, or empty.
 * @param {Record<string, string>} query @returns {Promise<Page>}
 */
export const readTurns = (query) => call(`/web/messages?${new URLSearchParams(query)}`);

/** @param {Message} message */
export const sendMessage = ({ id, text, sent_at }) =>
  call("/web/messages", { id, text, sent_at, language: navigator.language });

/** @param {string} id */
export const stopAnswer = (id) => call("/web/stop", { id });

/** @param {Turn} turn @param {number} rating */
export const rate = ({ id, sent_at }, rating) => call("/web/rating", { id, sent_at, rating });

/** @param {string} code */
export const unlock = (code) => call("/web/access", { code });
