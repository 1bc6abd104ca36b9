"""What a file is to a browser, by the ending of its name: what people upload, or other servers say, does not count."""

from __future__ import annotations

from opencloudmesh.server import pictures
from opencloudmesh.server.previews import kind_of
from opencloudmesh.server.trees import Entry

# By the ending of a name: how it is shown, and the type that the browser is told, whatever else is said of the file.
INLINE = {
    "png": ("picture", "image/png"),
    "jpg": ("picture", "image/jpeg"),
    "jpeg": ("picture", "image/jpeg"),
    "gif": ("picture", "image/gif"),
    "webp": ("picture", "image/webp"),
    "avif": ("picture", "image/avif"),
    "bmp": ("picture", "image/bmp"),
    "mp3": ("audio", "audio/mpeg"),
    "m4a": ("audio", "audio/mp4"),
    "ogg": ("audio", "audio/ogg"),
    "oga": ("audio", "audio/ogg"),
    "opus": ("audio", "audio/ogg"),
    "flac": ("audio", "audio/flac"),
    "wav": ("audio", "audio/wav"),
    "mp4": ("video", "video/mp4"),
    "m4v": ("video", "video/mp4"),
    "webm": ("video", "video/webm"),
    "ogv": ("video", "video/ogg"),
}
TEXTS = frozenset((
    "txt", "md", "markdown", "rst", "tex", "csv", "tsv", "json", "jsonl", "xml", "html", "htm", "svg", "css", "js",
    "mjs", "ts", "py", "rb", "rs", "go", "java", "kt", "c", "h", "cpp", "hpp", "cs", "php", "sh", "bash", "sql",
    "toml", "yaml", "yml", "ini", "cfg", "conf", "log", "diff", "patch", "srt", "vtt", "vcf", "ics", "eml", "bib",
))  # fmt: skip


def shown_as(entry: Entry) -> str:
    """As `shown_by_name`; "" for a folder."""
    return "" if entry.is_folder else shown_by_name(entry.name)


def shown_by_name(name: str) -> str:
    """How a file can be looked at: picture, pdf, text, audio, video, or "" for not at all."""
    ending = name.rpartition(".")[2].lower()
    if "." not in name:
        return ""
    return INLINE[ending][0] if ending in INLINE else "pdf" if ending == "pdf" else "text" if ending in TEXTS else ""


def has_thumbnail(entry: Entry) -> bool:
    """Whether a small picture of it is worth trying."""
    return not entry.is_folder and kind_of(entry.name) is not None and 0 < entry.size <= pictures.MAX_BYTES
