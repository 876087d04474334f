// Helpers that create and change elements.

import { text } from "./texts.js";

/** @type {Find} */
export const find = (selector, root = document) =>
  /** @type {any} */ (root.querySelector(selector));

/**
 * Make an element with properties (`class`, `data-…` and `aria-…` as attributes) and children.
 * @type {Make}
 */
export const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) Object.assign(element, { [name]: value });
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
};

/** @param {string} name */
export function icon(name) {
  const content = document.createElement("template");
  content.innerHTML = `<svg aria-hidden="true"><use href="#i-${name}"/></svg>`;
  return /** @type {Node} */ (content.content.firstChild);
}

/**
 * Make a small button with the icon `name` and the accessible name `label`.
 * @param {string} name @param {string} label
 */
export function iconButton(name, label, properties = {}) {
  const named = { type: "button", className: "icon-button", title: label, "aria-label": label };
  return make("button", { ...named, ...properties }, icon(name));
}

/**
 * Replace the children of `parent` by those of `wanted`; equal ones at the front stay.
 * @param {Element} parent @param {DocumentFragment} wanted
 */
export function morph(parent, wanted) {
  const nodes = [...wanted.childNodes];
  let same = 0;
  while (same < nodes.length && parent.childNodes[same]?.isEqualNode(nodes[same])) same += 1;
  while (parent.childNodes.length > same) parent.lastChild?.remove();
  parent.append(...nodes.slice(same));
}

/**
 * Fill in the texts of the page: `data-text`, and `data-label` where there is only an icon.
 * @param {ParentNode} root
 */
export function label(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    if (element.matches("button")) element.title = text(element.dataset.label);
  }
  for (const element of root.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(element.dataset.placeholder);
  }
}

/** Announce a sentence to screen readers. @param {string} sentence */
export function announce(sentence) {
  const line = make("p", { textContent: sentence });
  find("#announcer").replaceChildren(line);
}

let toasting = 0;

/** Show a sentence for some seconds. @param {string} sentence */
export function toast(sentence) {
  const box = find("#toast");
  box.textContent = sentence;
  box.classList.add("shown");
  clearTimeout(toasting);
  toasting = setTimeout(() => {
    box.classList.remove("shown");
    box.textContent = "";
  }, 5000);
}
