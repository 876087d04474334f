/* Telegram's formatting: text and entities (offsets in UTF-16 units, as in JavaScript) → nodes. */
import { make } from "./dom.js";

/** @type {Record<string, string>} */
const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
  spoiler: "span.spoiler",
};

const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
/** Block elements begin a new line anyway. @param {string} words @param {Playground.Entity} next */
const between = (words, next) => (BLOCKS.has(next.type) ? words.replace(/\n{1,2}$/, "") : words);

/** @param {string} text @param {Playground.Entity[]} [entities] */
export function formatted(text, entities = []) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return nodes(text, sorted, 0, text.length);
}

/**
 * @param {string} text @param {Playground.Entity[]} entities @param {number} from @param {number} to
 * @returns {(Node | string)[]}
 */
function nodes(text, entities, from, to) {
  /** @type {(Node | string)[]} */
  const found = [];
  let at = from;
  for (let entity = next(entities, to); entity; entity = next(entities, to)) {
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset > at) found.push(between(text.slice(at, entity.offset), entity));
    /** @type {Playground.Entity[]} */
    const inner = [];
    for (let each = next(entities, end); each; each = next(entities, end)) inner.push(each);
    found.push(element(entity, nodes(text, inner, entity.offset, end), text.slice(entity.offset, end)));
    at = BLOCKS.has(entity.type) ? end + (/^\n{0,2}/.exec(text.slice(end, to))?.[0].length ?? 0) : end;
  }
  if (at < to) found.push(text.slice(at, to));
  return found;
}

/**
 * Remove and return the first of `entities` if it begins before `end`.
 * @param {Playground.Entity[]} entities @param {number} end
 */
const next = (entities, end) => (entities[0]?.offset < end ? entities.shift() : undefined);

/** @param {Playground.Entity} entity @param {Playground.Child[]} children @param {string} words */
function element(entity, children, words) {
  if (entity.type === "pre") {
    const language = entity.language ? make("span.language", {}, entity.language) : null;
    return make("pre", { tabIndex: 0 }, language, make("code", {}, children));
  }
  if (entity.type === "text_link" || entity.type === "url") {
    return link(entity.url ?? words, children);
  }
  return make(TAGS[entity.type] ?? "span.entity", {}, children);
}

/** @param {string} address @param {Playground.Child[]} children */
function link(address, children) {
  const safe = /^(https?|tg|mailto):/i.test(address);
  return make("a", safe ? { href: address, target: "_blank", rel: "noreferrer" } : {}, children);
}
