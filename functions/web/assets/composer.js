// The input field, its keys, and the button that sends or stops.

import { find } from "./dom.js";
import { ofTab } from "./storage.js";

const KEPT = "unsent";
const form = find("#composer");
const field = find("#text");
const sendButton = find("#send");
const stopButton = find("#stop");
let answering = false;

/**
 * `say` is called with the text to send, `halt` by the stop button.
 * @param {(words: string) => void} say @param {() => void} halt
 */
export function openComposer(say, halt) {
  field.value = ofTab.get(KEPT) || "";
  fit();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    say(field.value);
    field.value = "";
    fit();
    field.focus();
  });
  field.addEventListener("input", fit);
  window.addEventListener("resize", fit);
  field.addEventListener("keydown", (event) => {
    // 229: a key of an input method, in browsers that end the composition before this event.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) {
      return;
    }
    event.preventDefault();
    form.requestSubmit();
  });
  stopButton.addEventListener("click", () => {
    field.focus();
    halt();
  });
}

export const focusField = () => field.focus({ preventScroll: true });

/**
 * Set whether there is an answer to stop. The button still sends when the field has text.
 * @param {boolean} now
 */
export function setAnswering(now) {
  answering = now;
  fit();
}

function fit() {
  const empty = !field.value.trim();
  ofTab.set(KEPT, field.value);
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  const stopping = answering && empty;
  if (stopping && document.activeElement === sendButton) field.focus();
  stopButton.hidden = !stopping;
  sendButton.hidden = stopping;
  sendButton.disabled = empty;
}
