// Dialogs: which conversation, whether to delete, the access code.

import { Refused, TooMany, unlock } from "./api.js";
import { find } from "./dom.js";
import { text } from "./texts.js";

/**
 * Open the dialog `name`. Resolves to the value of the pressed button, "" if dismissed.
 * @param {string} name @returns {Promise<string>}
 */
export function ask(name) {
  const dialog = find(`#${name}-dialog`);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** The field for the access code, shown while the page is locked. @param {() => void} opened */
export function guard(opened) {
  const dialog = find("#access-dialog");
  const error = find("#access-error");
  const code = find("#code");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  find("#access").addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      await unlock(code.value);
      dialog.close();
      code.value = "";
      opened();
    } catch (refusal) {
      const wrong = refusal instanceof Refused && refusal.status === 403;
      error.textContent =
        refusal instanceof TooMany
          ? `${text("codePause")} ${refusal.wait / 1000}`
          : text(wrong ? "codeWrong" : "notDone");
      code.select();
    }
  });
  /** @param {boolean} locked */
  return (locked) => {
    if (locked && !dialog.open) dialog.showModal();
    if (!locked && dialog.open) dialog.close();
  };
}
