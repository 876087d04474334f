/**
 * Make an element: `make("p.note", {title: "x", onclick}, "text", child)`.
 * @type {Playground.Make}
 */
export const make = (kind, properties = {}, ...children) => {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) Object.assign(element, { [name]: value });
    else element.setAttribute(name, String(value));
  }
  element.append(...nodes(children));
  return /** @type {any} */ (element);
};

/** @param {Playground.Child} child @returns {(Node | string)[]} */
function nodes(child) {
  if (Array.isArray(child)) return child.flatMap(nodes);
  return child === null || child === undefined ? [] : [child];
}

/** An element of index.html. @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** An icon of icons.svg. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/playground/icons.svg#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`);
  svg.append(use);
  return svg;
}

/** Replace the children of `parent` by `items`; unchanged elements stay.
 *
 * `items` are [key, signature, make]: an element is made again when its signature has changed.
 * @param {Element} parent @param {Playground.Item[]} items
 */
export function keep(parent, items) {
  const children = /** @type {HTMLElement[]} */ ([...parent.children]);
  const known = new Map(children.map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const [key, signature, build] of items) {
    let element = known.get(key);
    known.delete(key);
    if (!element || element.signature !== signature) {
      const made = build();
      made.dataset.key = key;
      made.signature = signature;
      if (element && element === place) place = element.nextElementSibling;
      element?.remove();
      element = made;
    }
    if (element === place) place = element.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of known.values()) gone.remove();
}

/** @param {number} seconds */
export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
}

/** The text of an error. @param {unknown} error */
export const said = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string} text @returns {any} */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
