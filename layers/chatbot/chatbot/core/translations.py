"""Every fixed sentence of the bot in every language, and the choice of a language.

To add a language, add its code to every entry of `TEXTS`.
"""

from __future__ import annotations

from chatbot.core.message import Message
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile

TEXTS: dict[str, dict[str, str]] = {
    "unsupported": {
        "en": "I can read text, pictures, recordings and text documents, but not this.",
        "de": "Ich kann Text, Bilder, Aufnahmen und Textdokumente lesen, das hier aber nicht.",
    },
    # Attachments and generated files
    "too_large": {
        "en": "That is too large for me: I can read files of up to {most} MB.",
        "de": "Das ist zu groß für mich: Ich kann Dateien bis {most} MB lesen.",
    },
    "gone": {
        "en": "I could not get what you sent. Please send it again.",
        "de": "Ich konnte nicht abrufen, was du geschickt hast. Bitte schick es noch einmal.",
    },
    "no_recordings": {
        "en": "I cannot listen to recordings here. Please write to me.",
        "de": "Aufnahmen kann ich hier nicht anhören. Bitte schreib mir.",
    },
    "next_picture": {
        "en": "What shall I draw next? /chat ends it.",
        "de": "Was soll ich als Nächstes zeichnen? /chat beendet es.",
    },
    "picture_filtered": {
        "en": "I may not draw that. Please ask for something else.",
        "de": "Das darf ich nicht zeichnen. Bitte wünsch dir etwas anderes.",
    },
    "file_gone": {
        "en": "What I made for you is no longer there. Please ask for it again.",
        "de": "Was ich für dich gemacht habe, ist nicht mehr da. Bitte frag noch einmal danach.",
    },
    "stopped": {"en": "Stopped.", "de": "Angehalten."},
    # Who may talk, and how much
    "press_start": {
        "en": "Hello! Press /start and I will answer.",
        "de": "Hallo! Drück auf /start, dann antworte ich.",
    },
    "not_allowed": {
        "en": "I am sorry, I only talk with people whom I know. Your id is {id}: whoever runs me "
        "can let you in.",
        "de": "Es tut mir leid, ich spreche nur mit Leuten, die ich kenne. Deine Kennung ist {id}: "
        "Wer mich betreibt, kann dich hereinlassen.",
    },
    "too_long": {
        "en": "That is too long for me: I read up to {most} characters at once.",
        "de": "Das ist mir zu lang: Ich lese bis zu {most} Zeichen auf einmal.",
    },
    "daily_messages": {
        "en": "You have had your {most} answers of today. Write to me again in {hours} h "
        "{minutes} min, when a new day begins (UTC).",
        "de": "Du hast deine {most} Antworten für heute bekommen. Schreib mir wieder in {hours} h "
        "{minutes} min, wenn ein neuer Tag beginnt (UTC).",
    },
    "daily_images": {
        "en": "You have had your {most} pictures of today. I will draw again in {hours} h "
        "{minutes} min, when a new day begins (UTC).",
        "de": "Du hast deine {most} Bilder für heute bekommen. Ich zeichne wieder in {hours} h "
        "{minutes} min, wenn ein neuer Tag beginnt (UTC).",
    },
    "daily_total": {
        "en": "I have given all my answers of today. Write to me again in {hours} h {minutes} min, "
        "when a new day begins (UTC).",
        "de": "Ich habe für heute alle meine Antworten gegeben. Schreib mir wieder in {hours} h "
        "{minutes} min, wenn ein neuer Tag beginnt (UTC).",
    },
    # The defaults of FALLBACK_TEXT and FILTERED_TEXT
    "fallback_text": {
        "en": "Please try again later.",
        "de": "Bitte versuche es später noch einmal.",
    },
    "filtered_text": {
        "en": "I can't answer that. Please try to put it differently.",
        "de": "Darauf kann ich nicht antworten. Bitte versuche es anders auszudrücken.",
    },
    # Commands
    "greeting": {
        "en": "Write to me and I will answer.",
        "de": "Schreib mir, und ich antworte.",
    },
    "hello": {"en": "Hello, {name}!", "de": "Hallo, {name}!"},
    "hello_you": {"en": "Hello!", "de": "Hallo!"},
    "unknown_command": {
        "en": "I don't know that command. These I know:",
        "de": "Diesen Befehl kenne ich nicht. Ich kenne diese:",
    },
    "administrators_only": {
        "en": "In a group, only its administrators can do this.",
        "de": "In einer Gruppe dürfen das nur ihre Administratoren.",
    },
    "chat_mode": {
        "en": "We are talking again: write to me and I will answer.",
        "de": "Wir unterhalten uns wieder: Schreib mir, und ich antworte.",
    },
    "image_mode": {
        "en": "What shall I draw? Every message is a picture now, until you send /chat.",
        "de": "Was soll ich zeichnen? Jede Nachricht wird jetzt ein Bild, bis du /chat schickst.",
    },
    "images_off": {"en": "I cannot draw here.", "de": "Zeichnen kann ich hier nicht."},
    "fresh_start": {
        "en": "A fresh start: I no longer look back.",
        "de": "Ein neuer Anfang: Ich blicke nicht mehr zurück.",
    },
    "new": {
        "en": "Shall we start fresh, or go on with our earlier conversation?",
        "de": "Wollen wir neu beginnen oder unser früheres Gespräch fortsetzen?",
    },
    "button_fresh": {"en": "Start fresh", "de": "Neu beginnen"},
    "button_earlier": {"en": "Go on with earlier", "de": "Früheres fortsetzen"},
    "resumed": {
        "en": "I remember our earlier conversation: go on where we were.",
        "de": "Ich erinnere mich an unser früheres Gespräch: Mach weiter, wo wir waren.",
    },
    "nothing_earlier": {
        "en": "There is no earlier conversation.",
        "de": "Es gibt kein früheres Gespräch.",
    },
    "history": {"en": "What was said last:", "de": "Was zuletzt gesagt wurde:"},
    "you": {"en": "You", "de": "Du"},
    "me": {"en": "I", "de": "Ich"},
    "persona": {
        "en": "Who shall I be? Now I am: {name}.",
        "de": "Wer soll ich sein? Jetzt bin ich: {name}.",
    },
    "persona_default": {"en": "myself", "de": "ich selbst"},
    "persona_chosen": {"en": "From now on I am: {name}.", "de": "Von jetzt an bin ich: {name}."},
    "no_personas": {
        "en": "There is nobody else whom I could be.",
        "de": "Es gibt niemand anderen, der ich sein könnte.",
    },
    "export": {
        "en": "Everything that I keep of our conversation: {turns} exchanges.",
        "de": "Alles, was ich von unserem Gespräch aufbewahre: {turns} Wortwechsel.",
    },
    "forget": {
        "en": "Shall I erase everything that I keep of you? It cannot be taken back.",
        "de": "Soll ich alles löschen, was ich von dir aufbewahre? Das ist endgültig.",
    },
    "button_forget": {"en": "Erase everything", "de": "Alles löschen"},
    "button_keep": {"en": "Keep it", "de": "Behalten"},
    "kept": {"en": "Nothing was erased.", "de": "Es wurde nichts gelöscht."},
    "forgotten": {
        "en": "Everything that I kept of you is erased. Backups hold it for {days} more days, "
        "then it is gone there too. What this app shows of our conversation is not mine to erase.",
        "de": "Alles, was ich von dir aufbewahrt habe, ist gelöscht. Sicherungen halten es noch "
        "{days} Tage, dann ist es auch dort weg. Was diese App von unserem Gespräch zeigt, kann "
        "ich nicht löschen.",
    },
    "nothing_to_stop": {
        "en": "I am not writing anything.",
        "de": "Ich schreibe gerade nichts.",
    },
    "nothing_to_retry": {
        "en": "There is no message that I could answer again.",
        "de": "Es gibt keine Nachricht, die ich noch einmal beantworten könnte.",
    },
    # What each command does; menus take 30 characters
    "/start": {"en": "Say hello", "de": "Begrüßung"},
    "/help": {"en": "What I can do", "de": "Was ich kann"},
    "/chat": {"en": "Talk with me", "de": "Sich mit mir unterhalten"},
    "/image": {"en": "Draw a picture", "de": "Ein Bild zeichnen"},
    "/reset": {"en": "Start fresh at once", "de": "Sofort neu beginnen"},
    "/new": {"en": "Start fresh, or go on", "de": "Neu beginnen oder fortsetzen"},
    "/history": {"en": "What was said last", "de": "Was zuletzt gesagt wurde"},
    "/persona": {"en": "Choose who I am", "de": "Auswählen, wer ich bin"},
    "/export": {"en": "Get our conversation as a file", "de": "Unser Gespräch als Datei"},
    "/forget": {"en": "Erase what I keep of you", "de": "Löschen, was ich von dir weiß"},
    "/stop": {"en": "Stop the answer", "de": "Die Antwort abbrechen"},
    "/retry": {"en": "Answer the last message again", "de": "Noch einmal antworten"},
}
LANGUAGES = tuple(TEXTS["greeting"])
"""Codes of the supported languages (ISO 639-1)."""


def say(name: str, language: str, /, **facts: str | int) -> str:
    """The sentence `name` in `language` ("de", "de-AT"), else in English.

    `facts` fill its fields, as in `say("too_large", "en", most=10)`.
    """
    translations = TEXTS[name]
    return translations.get(_primary(language), translations["en"]).format(**facts)


def language_of(message: Message, profile: ConversationProfile, settings: Settings) -> str:
    """The first supported one of the author's language, the conversation's, LANGUAGE, English."""
    candidates = (message.author.language, profile.language, settings.language)
    return next((each for each in candidates if _primary(each) in LANGUAGES), "en")


def _primary(language: str) -> str:
    return language.partition("-")[0].partition("_")[0].lower()
