// What the page's modules share, named here so that the served files stay small.

/** A turn, as GET /web/messages gives it. */
interface Turn {
  id: string;
  /** Epoch milliseconds. */
  sent_at: number;
  text: string;
  /** The answer as Markdown; `html` is the same, safe to be shown as it is. */
  answer: string;
  html: string;
  state: "answered" | "sending" | "delivered" | "undeliverable" | "held";
  origin: "model" | "command" | "fallback" | "filtered" | "notice" | "staff";
  buttons: Choice[];
  made: Made | null;
  rating: number;
  /** Ids of other turns, "" for none. */
  merged_into: string;
  replaces: string;
  fresh_start: boolean;
  lifted: boolean;
  resumed: boolean;
  error?: undefined;
}

/** A button under an answer: pressing it says `payload`. */
interface Choice {
  label: string;
  payload: string;
}

/** A picture or file that belongs to an answer. */
interface Made {
  url: string;
  type: string;
  title: string;
}

/** The answer that is being written. */
interface Draft {
  id: string;
  html: string;
}

/** The answer of GET /web/messages. */
interface Page {
  turns: Turn[];
  cursor: string;
  earlier: string;
  draft: Draft | null;
  locked: boolean;
}

/** A message of the outbox, as local storage keeps it. Times are epoch milliseconds. */
interface Message {
  id: string;
  text: string;
  sent_at: number;
  state: "waiting" | "queued" | "failed";
  queued_at?: number;
  /** A try got no answer: the server may have it. */
  uncertain?: boolean;
  restamped?: boolean;
  error?: string;
  /** What only a turn has. */
  origin?: undefined;
  answer?: undefined;
  made?: undefined;
  merged_into?: undefined;
  fresh_start?: undefined;
  lifted?: undefined;
  resumed?: undefined;
}

/** The turns between two fresh starts; the current stretch has the id "". */
interface Stretch {
  id: string;
  turns: Turn[];
  title: string;
  at: number;
}

interface LineRow {
  kind: "line";
  key: string;
  text: string;
}

interface TypingRow {
  kind: "typing";
  key: string;
}

interface PersonRow {
  kind: "person";
  key: string;
  id: string;
  text: string;
  at: number;
  state: Message["state"] | "answered";
  error?: string;
}

interface BotRow {
  kind: "bot";
  key: string;
  id: string;
  html: string;
  buttons: Choice[];
  answer?: string;
  origin?: Turn["origin"];
  made?: Made | null;
  rating?: number;
  last?: boolean;
  at?: number;
  draft?: boolean;
}

type Row = LineRow | TypingRow | PersonRow | BotRow;

type Texts = typeof import("../functions/web/assets/texts.js").en;
/** The names of those texts that are one sentence. */
type Word = { [Name in keyof Texts]: Texts[Name] extends string ? Name : never }[keyof Texts];

/** What `find` finds in index.html, where it has to be more than an HTMLElement. */
interface Found {
  "#access": HTMLFormElement;
  "#code": HTMLInputElement;
  "#composer": HTMLFormElement;
  "#send": HTMLButtonElement;
  "#stop": HTMLButtonElement;
  "#text": HTMLTextAreaElement;
}

type Find = <Selector extends string>(
  selector: Selector,
  root?: ParentNode,
) => Selector extends keyof Found
  ? Found[Selector]
  : Selector extends `${string}-dialog`
    ? HTMLDialogElement
    : HTMLElement;

type Make = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties?: Record<string, unknown>,
  ...children: (Node | string)[]
) => HTMLElementTagNameMap[Tag];

/** An appearance; the system's is "". */
type Theme = keyof Texts["themes"];

interface HTMLElement {
  /** What an element shows, so that it is only drawn anew when that changes. */
  drawn?: string;
}

/** Read only from elements that have them: a `[data-act]`, a `[data-text]`. */
interface DOMStringMap {
  act: string;
  do: string;
  id: string;
  key: string;
  label: Word;
  payload: string;
  placeholder: Word;
  text: Word;
}

/** Only elements of HTML carry data attributes here, and only a field has a placeholder. */
interface ParentNode {
  querySelectorAll(selectors: "[data-placeholder]"): NodeListOf<HTMLTextAreaElement>;
  querySelectorAll(selectors: `[data-${string}]`): NodeListOf<HTMLElement>;
}
interface Element {
  closest(selectors: `[data-${string}]`): HTMLElement | null;
}

/** How the rows of each kind are drawn. */
type Draw = {
  [Kind in Row["kind"]]: (element: HTMLElement, row: Extract<Row, { kind: Kind }>) => void;
};
