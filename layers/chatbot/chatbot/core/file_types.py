"""Detect a file's type by its content, since names and declared types cannot be relied on.

Signatures are those of the formats' own specifications, as listed at
https://www.iana.org/assignments/media-types and https://www.garykessler.net/library/file_sigs.html.
"""

from __future__ import annotations

import codecs
import re

TEXT, PDF, UNKNOWN = "text/plain", "application/pdf", "application/octet-stream"
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"""Types that models take (OpenAI API, Images and vision)."""
RECORDINGS = frozenset(
    {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/flac", "audio/webm"}
)
"""Types that can be transcribed (OpenAI API, Audio)."""
OFFICE = frozenset({"application/x-ole", "application/vnd.office", "application/rtf"})
ARCHIVES = frozenset({"application/zip", "application/gzip", "application/x-archive"})

_HEIF = rb"hei[cmsx]|hev[cmsx]|mi[fa][12f]|msf1|MiHE|avi[fos]|avc[is]|j2[ki][is]|jpe?gs?|crx "
"""Brands of still pictures and their sequences in an MP4 container, "crx " of Canon's CR3
(https://mp4ra.org/registered-types/brands)."""
_SIGNATURES = (
    # Pictures that are read.
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"GIF8[79]a", "image/gif"),
    # Recordings that are read.
    (rb"OggS", "audio/ogg"),
    (rb"ID3[\x02-\x04]|\xff[\xf2\xf3\xfa\xfb]", "audio/mpeg"),
    (rb".{4}ftyp(?!" + _HEIF + rb")", "audio/mp4"),
    (rb"RIFF.{4}WAVE", "audio/wav"),
    (rb"fLaC", "audio/flac"),
    (rb"\x1aE\xdf\xa3", "audio/webm"),
    # Pictures that no model takes. Most raw formats of cameras are TIFF: Canon's CR2, Nikon's
    # NEF, Sony's ARW, Adobe's DNG, Pentax' PEF; others begin as libraw's identify.cpp reads them.
    (rb".{4}ftyp", "image/heif"),
    (rb"II[*+]\0|MM\0[*+]", "image/tiff"),
    (rb"IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM", "image/x-raw"),
    (rb"BM.{4}\0{4}", "image/bmp"),
    (rb"8BPS\0[\x01\x02]", "image/vnd.adobe.photoshop"),
    (rb"\xff\x0a|\0{3}\x0cJXL ", "image/jxl"),
    (rb"\0{3}\x0cjP  |\xff\x4f\xff\x51", "image/jp2"),
    (rb"\0\0\x01\0[^\0]\0", "image/vnd.microsoft.icon"),
    # Recordings that cannot be transcribed.
    (rb"#!AMR", "audio/amr"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
    (rb"FORM.{4}AIF[FC]", "audio/aiff"),
    (rb"caff\0\x01", "audio/x-caf"),
    (rb"MThd\0{3}\x06", "audio/midi"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio/x-ms-wma"),
    # Documents. A PDF may begin with a byte order mark or white space.
    (rb"(?:\xef\xbb\xbf)?\s{0,1024}%PDF-", PDF),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (rb"\{\\rtf", "application/rtf"),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "application/zip"),
    (rb"\x1f\x8b", "application/gzip"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\xfd7zXZ\0|BZh[1-9]1AY", "application/x-archive"),
)
_PDF_HEADER_WITHIN = 1024
"""Bytes within which a PDF's header may stand (Adobe, implementation notes of PDF 1.7)."""
_OFFICE_PARTS = (b"[Content_Types].xml", b"mimetypeapplication/")
"""Names in the archives that are documents: Office Open XML; OpenDocument and EPUB."""
_SLICE = 65_536
"""Bytes that are decoded at once."""
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def type_of(content: bytes) -> str:
    """Return the media type: `TEXT` only for UTF-8, `UNKNOWN` for what has no known signature."""
    for signature, name in _SIGNATURES:
        if re.match(signature, content, re.DOTALL):  # compiled when the first file comes
            is_office = name == "application/zip" and any(part in content for part in _OFFICE_PARTS)
            return "application/vnd.office" if is_office else name
    if b"%PDF-" in content[:_PDF_HEADER_WITHIN] and b"%%EOF" in content[-_PDF_HEADER_WITHIN:]:
        return PDF
    return TEXT if _is_utf8(content) else UNKNOWN


def _is_utf8(content: bytes) -> bool:
    """Whether it is text in UTF-8; in slices, since decoded it may need four times the memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    blank = True
    try:
        for start in range(0, len(content), _SLICE):
            text = decoder.decode(content[start : start + _SLICE])
            if has_controls(text):
                return False
            blank = blank and not text.strip()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return not blank


def has_controls(text: str) -> bool:
    """Whether it has control characters that no text has, but binary data does."""
    return _CONTROL_CHARACTER.search(text) is not None
