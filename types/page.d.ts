// Types of the page's modules, kept here so that the served files stay small.

/** A turn, as GET /web/messages returns it. */
interface Turn {
  id: string;
  /** Epoch milliseconds. */
  sent_at: number;
  text: string;
  /** The answer as Markdown; `html` is the same as safe HTML. */
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

/** A button under an answer: pressing it sends `payload`. */
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

/** The answer that is being streamed. */
interface Draft {
  id: string;
  html: string;
}

/** The answer of GET /web/messages. */
interface Page {
  turns: Turn[];
  cursor: string;
  /** Whether further turns follow the cursor now. */
  more: boolean;
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
  /** A request got no response: the server may have the message. */
  uncertain?: boolean;
  restamped?: boolean;
  error?: string;
  /** Fields that only a turn has. */
  origin?: undefined;
  answer?: undefined;
  made?: undefined;
  merged_into?: undefined;
  fresh_start?: undefined;
  lifted?: undefined;
  resumed?: undefined;
}

/** The turns of one conversation, between two fresh starts; the current one has the id "". */
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

/** The types of elements in index.html that `find` returns, where they are not just HTMLElement. */
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

/** A theme; "" is the system's. */
type Theme = keyof Texts["themes"];

interface HTMLElement {
  /** What an element shows: it is drawn again only when that changes. */
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
