// What the playground's modules share. What platforms send is JSON of many forms: `any`.

declare namespace Playground {
  type Channel = "telegram" | "messenger" | "web";

  /** One request and its answer, as /_local/records gives it (local/http/recorder.py). */
  interface Record {
    n: number;
    /** Epoch seconds when it began; `ms` is how long it took. */
    at: number;
    ms: number;
    server: "api" | "aws" | "telegram" | "graph" | "openai" | "lambda";
    operation: string;
    status: number;
    request_bytes: number;
    response_bytes: number;
    request: string;
    response: string;
  }

  /** A call that a stand-in accepted. */
  interface Call {
    number: number;
    method: string;
    params: any;
    result: any;
    at: number;
  }

  /** What a person did, as sent to the webhook. */
  interface Written {
    channel: "telegram" | "messenger";
    at: number;
    event: any;
  }

  /** Ids of one person, by channel. */
  type Ids = { [channel in Channel]: string };

  /** The answer of /playground/state. */
  interface State {
    people: { [name: string]: Ids };
    bot: Bot;
    switches: { [name: string]: string };
    calls: { telegram: Call[]; graph: Call[] };
    written: Written[];
    settings: string[];
  }

  interface Bot {
    username?: string;
  }

  interface World {
    person: string;
    people: State["people"];
    bot: Bot;
    real: Channel[];
    switches: State["switches"];
    telegram: import("../local/playground/chats.js").Telegram;
    messenger: import("../local/playground/chats.js").Messenger;
    web: import("../local/playground/chats.js").Web;
    trace: import("../local/playground/trace.js").Trace;
    draw(): void;
    tell(text: string): void;
  }

  /** A message as shown. `at` is epoch seconds; `raw` is what a reply to it refers to. */
  interface Message {
    id: string;
    from: string | number | undefined;
    at: number;
    text: string;
    author?: string;
    html?: string;
    entities?: Entity[];
    image?: string;
    voice?: string;
    file?: { name: string; url: string } | null;
    quote?: { author: string; text: string };
    rows?: Button[][];
    quick?: Quick[];
    /** Undefined where it cannot be rated. */
    rating?: number;
    reaction?: string;
    state?: string;
    raw?: any;
  }

  /** An answer that is being streamed. */
  interface Draft {
    text?: string;
    entities?: Entity[];
    html?: string;
  }

  interface Button {
    label: string;
    url?: string;
    press?: string;
    postback?: string;
    send?: string;
  }

  interface Quick {
    label: string;
    quick: string;
  }

  interface MenuEntry {
    label: string;
    hint: string;
    text: string;
    postback?: string;
  }

  /** Telegram's MessageEntity. */
  interface Entity {
    type: string;
    offset: number;
    length: number;
    url?: string;
    language?: string;
  }

  /** What a person does: writes, presses, rates, sends a sample. */
  interface Words {
    text?: string;
    group?: boolean;
    reply?: any;
    press?: any;
    quick?: string;
    postback?: string;
    media?: string;
    react?: { raw: any; rating: number; before?: number };
  }

  /** What a platform can show and send. */
  interface Platform {
    name: string;
    formatting: "entities" | "plain" | "html";
    reads: "ticks" | "seen" | "states";
    media: ("photo" | "voice")[];
    group?: string;
    reply?: boolean;
    stop?: boolean;
  }

  type Lane = "webhook" | "queue" | "worker" | "history" | "model" | "stored" | "posted";

  interface Span {
    lane: Lane;
    record: Record;
    tone: string;
  }

  /** An attempt of a worker. Times are epoch seconds. */
  interface Attempt {
    asked: boolean;
    from: number;
    to: number;
    open: boolean;
  }

  /** A message and its records. Times are epoch seconds. */
  interface Journey {
    key: string;
    channel: Channel;
    conversation: string;
    event: string;
    text: string;
    spans: Span[];
    attempts: Attempt[];
    tries: number;
    deaths: number;
    posts: number;
    unsure: number;
    parts: number;
    due: number;
    version: number;
    done: boolean;
    over: number | null;
    state: string;
    /** It was not queued. */
    aside?: boolean;
    /** Opened or closed by a click. */
    open?: boolean;
  }

  /** A bar of the drawing: a record, or a period without one. */
  interface Bar {
    from: number;
    to: number;
    tone: string;
    lane?: Lane;
    record?: Record;
    label?: string;
    /** Width of the label beside it, in pixels. */
    labelled?: number;
  }

  /** Key, signature, and a function that makes the element when the signature has changed. */
  type Item = [key: string, signature: string | undefined, build: () => HTMLElement];

  type Child = Node | string | null | undefined | Child[];

  type Make = <Kind extends string>(
    kind: Kind,
    properties?: { [name: string]: unknown },
    ...children: Child[]
  ) => Tagged<Kind extends `${infer Tag}.${string}` ? Tag : Kind>;

  type Tagged<Tag extends string> = Tag extends keyof HTMLElementTagNameMap
    ? HTMLElementTagNameMap[Tag]
    : HTMLElement;
}

interface HTMLElement {
  /** The signature with which an element was made: when it changes, the element is made again. */
  signature?: string;
}
