// All texts of the page in every language. A new language is one more object.

export const en = {
  again: "Answer again",
  access: "Welcome",
  accessText: "This chat is not open to everyone. Please enter the access code.",
  answered: "Answered",
  answering: "Writing an answer",
  bad: "Bad answer",
  bot: "Answer:",
  cancel: "Cancel",
  close: "Close",
  code: "Access code",
  codePause: "Too many wrong codes. Seconds until the next try:",
  codeWrong: "That is not the code.",
  conversations: "Conversations",
  copied: "Copied",
  copy: "Copy",
  copyAnswer: "Copy answer",
  current: "Current conversation",
  discard: "Discard",
  download: "Download",
  earlier: "Load the earlier one",
  export: "Export conversation",
  failed: "Not sent",
  forget: "Delete everything",
  forgetText: "Every message of yours that is stored here, and every answer, is deleted for good.",
  forgetYes: "Delete everything",
  fresh: "Start fresh",
  goOn: "Continue it",
  good: "Good answer",
  hello: "How can I help?",
  image: "Picture",
  keys: "Enter sends, Shift + Enter starts a new line",
  menu: "Menu",
  message: "Message",
  messages: "Messages",
  new: "New conversation",
  newText: "A fresh start no longer looks back. Or go on with the conversation before this one.",
  notDone: "That did not work. Please try again.",
  offline: "No connection. What you write is kept, and sent as soon as possible.",
  older: "Show older ones",
  open: "Open",
  queued: "Sent",
  reading: "This is an earlier conversation.",
  retry: "Send again",
  send: "Send",
  skip: "Skip to the message field",
  stop: "Stop the answer",
  stopping: "Stopping …",
  suggestions: "Suggestions",
  theme: "Appearance",
  themes: { "": "automatic", light: "light", dark: "dark" },
  toCurrent: "Back to the current one",
  toEnd: "To the newest message",
  today: "Today",
  untitled: "Conversation",
  waiting: "Sending",
  yesterday: "Yesterday",
  you: "You:",
  ideas: [
    "Explain how rainbows form",
    "Suggest three names for a small café",
    "Write a short birthday wish for a friend",
    "Plan a rainy Sunday in the city",
  ],
};

/** @type {typeof en} */
const de = {
  again: "Neu antworten",
  access: "Willkommen",
  accessText: "Dieser Chat ist nicht für alle offen. Bitte gib den Zugangscode ein.",
  answered: "Beantwortet",
  answering: "Die Antwort wird geschrieben",
  bad: "Schlechte Antwort",
  bot: "Antwort:",
  cancel: "Abbrechen",
  close: "Schließen",
  code: "Zugangscode",
  codePause: "Zu viele falsche Codes. Sekunden bis zum nächsten Versuch:",
  codeWrong: "Das ist nicht der Code.",
  conversations: "Unterhaltungen",
  copied: "Kopiert",
  copy: "Kopieren",
  copyAnswer: "Antwort kopieren",
  current: "Aktuelle Unterhaltung",
  discard: "Verwerfen",
  download: "Herunterladen",
  earlier: "Die frühere laden",
  export: "Unterhaltung exportieren",
  failed: "Nicht gesendet",
  forget: "Alles löschen",
  forgetText: "Jede Nachricht von dir, die hier gespeichert ist, und jede Antwort wird gelöscht.",
  forgetYes: "Alles löschen",
  fresh: "Neu beginnen",
  goOn: "Fortsetzen",
  good: "Gute Antwort",
  hello: "Wie kann ich helfen?",
  image: "Bild",
  keys: "Enter sendet, Umschalt + Enter beginnt eine neue Zeile",
  menu: "Menü",
  message: "Nachricht",
  messages: "Nachrichten",
  new: "Neue Unterhaltung",
  newText: "Ein neuer Anfang blickt nicht zurück. Oder führe die Unterhaltung davor fort.",
  notDone: "Das hat nicht geklappt. Bitte versuche es noch einmal.",
  offline: "Keine Verbindung. Was du schreibst, bleibt hier und wird gesendet, sobald es geht.",
  older: "Ältere zeigen",
  open: "Öffnen",
  queued: "Gesendet",
  reading: "Das ist eine frühere Unterhaltung.",
  retry: "Noch einmal senden",
  send: "Senden",
  skip: "Zum Eingabefeld",
  stop: "Antwort anhalten",
  stopping: "Wird angehalten …",
  suggestions: "Vorschläge",
  theme: "Darstellung",
  themes: { "": "automatisch", light: "hell", dark: "dunkel" },
  toCurrent: "Zur aktuellen",
  toEnd: "Zur neuesten Nachricht",
  today: "Heute",
  untitled: "Unterhaltung",
  waiting: "Wird gesendet",
  yesterday: "Gestern",
  you: "Du:",
  ideas: [
    "Erkläre, wie ein Regenbogen entsteht",
    "Nenne drei Namen für ein kleines Café",
    "Schreibe einen kurzen Geburtstagsgruß",
    "Plane einen verregneten Sonntag in der Stadt",
  ],
};

export const language = navigator.language.startsWith("de") ? "de" : "en";
const texts = { en, de }[language];

/** @template {keyof typeof en} Name @param {Name} name */
export const text = (name) => texts[name];

const clock = new Intl.DateTimeFormat(navigator.language, { timeStyle: "short" });
const days = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(navigator.language, { dateStyle: "full", timeStyle: "short" });

/** @param {number} at */
export const timeOf = (at) => clock.format(at);
/** @param {number} at */
export const momentOf = (at) => whole.format(at);

/** Today, yesterday, or the date. @param {number} at */
export function dayOf(at) {
  const day = days.format(at);
  if (day === days.format(Date.now())) return texts.today;
  return day === days.format(Date.now() - 86_400_000) ? texts.yesterday : day;
}
