/* Show one record of the recorder in full. */
import { duration, icon, make, parsed } from "./dom.js";
import { exchange } from "./trace.js";

/** @param {Playground.Record} record @param {Playground.Lane} [lane] */
export function showRecord(record, lane) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("record"));
  const said = lane === "model" ? exchange(record) : null;
  const { request, response, ...facts } = record;
  dialog.replaceChildren(
    make("header", {}, make("h2", { id: "record-title" }, `${record.server} · ${record.operation}`),
      make("button", { type: "button", ariaLabel: "Close", onclick: () => dialog.close() }, icon("close"))),
    make("p.facts", {}, `${record.status || "hung up"} · ${duration(record.ms / 1000)} · ${record.request_bytes} → ${record.response_bytes} bytes · no. ${record.n}`),
    ...(said ? exchanged(said) : []),
    part("Request", request), part("Response", response),
    part("Record", JSON.stringify(facts), false),
  );
  dialog.showModal();
  dialog.scrollTop = 0;
}

/** @param {NonNullable<ReturnType<typeof exchange>>} said */
function exchanged({ prompt, answer, usage, model }) {
  const lines = prompt.map((/** @type {{role: string, content: any}} */ { role, content }) =>
    make(`li.${role}`, {}, make("b", {}, role), make("div", {}, contentOf(content))));
  const count = usage ? `${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out` : "";
  return [
    make("h3", {}, "The prompt as the model saw it"),
    make("ol.prompt", {}, lines),
    make("h3", {}, "What it said"),
    make("div.said", {}, answer || "nothing"),
    make("p.facts", {}, [model, count].filter(Boolean).join(" · ")),
  ];
}

/** @param {any} content @returns {Playground.Child} */
function contentOf(content) {
  if (typeof content === "string") return content;
  return (content ?? []).map((/** @type {any} */ part) =>
    part.type === "image_url"
      ? make("img", { src: part.image_url.url, alt: "Picture in the prompt" })
      : (part.text ?? JSON.stringify(part)));
}

/** @param {string} title @param {string} text */
function part(title, text, open = true) {
  const data = parsed(text);
  const shown = data === null ? text : JSON.stringify(deeper(data), null, 2);
  return make("details", { open: open && text !== "" }, make("summary", {}, title),
    make("pre", { tabIndex: 0 }, shown || "(empty)"));
}

/** Decode JSON texts inside of JSON, for display. @param {unknown} value @returns {unknown} */
function deeper(value) {
  if (Array.isArray(value)) return value.map(deeper);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, deeper(each)]));
  }
  const inner = typeof value === "string" && /^[[{]/.test(value) ? parsed(value) : null;
  return inner === null ? value : deeper(inner);
}
