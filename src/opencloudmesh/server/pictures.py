"""A small picture of a file, made in a process of its own that may do nothing else: a program, run by its path.

    python -I pictures.py KIND PAGE PIXELS < file > picture

KIND is `picture` or `pdf`. What comes out is the number of pages, a line end, and a WebP picture of that page with at
most so many pixels on each side. What the file says is a stranger's, and decoders have faults: they get little memory
and processor time, and can open neither file nor connection. A picture is measured before it is decoded. Any failure is
an exit with 1.
"""

from __future__ import annotations

import io
import resource
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

CPU = 10  # seconds
MEMORY = 1 << 30  # bytes of address space
MAX_BYTES = 64 << 20  # of the file
MAX_PIXELS = 50_000_000  # of a picture: 200 MB when decoded
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")

LIMITS = {
    resource.RLIMIT_CPU: CPU,
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 3,  # those that are open
}
Maker = Callable[[bytes, int, int], tuple[int, bytes]]


def main() -> int:
    """Reads standard input, and writes to standard output."""
    kind, page, pixels = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    make = {"picture": _pictures, "pdf": _pages}[kind]()  # loads what it needs while it can
    for which, limit in LIMITS.items():
        resource.setrlimit(which, (limit, limit))
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        return 1
    try:
        count, picture = make(data, page, pixels)
    except Exception:  # whatever a decoder raises: nobody reads it
        return 1
    sys.stdout.buffer.write(b"%d\n" % count + picture)
    return 0


def _pictures() -> Maker:
    from PIL import Image, ImageOps  # noqa: PLC0415 -- only this process needs it

    Image.init()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)  # of which Pillow only warns

    def make(data: bytes, _page: int, pixels: int) -> tuple[int, bytes]:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            image.draft("RGB", (pixels, pixels))
            turned: Image.Image = image
            with suppress(Exception):  # of what a camera wrote about it, only the right way up counts
                turned = ImageOps.exif_transpose(image)
            turned = turned.convert("RGBA" if turned.mode in ("RGBA", "LA", "PA", "P") else "RGB")
            turned.thumbnail((pixels, pixels))
            return 1, _encoded(turned)

    for kind in FORMATS:  # once, for all that is loaded only when it is needed
        sample = io.BytesIO()
        Image.new("RGB", (2, 2)).save(sample, kind)
        make(sample.getvalue(), 0, 1)
    return make


def _pages() -> Maker:
    import pypdfium2  # type: ignore[import-untyped]  # noqa: PLC0415 -- as above
    from PIL import Image  # noqa: PLC0415

    Image.init()

    def make(data: bytes, page: int, pixels: int) -> tuple[int, bytes]:
        document = pypdfium2.PdfDocument(data)
        found = document[page]
        scale = pixels / max(*found.get_size(), 1)
        bitmap = found.render(scale=scale, may_draw_forms=False)
        return len(document), _encoded(bitmap.to_pil().convert("RGB"))

    return make


def _encoded(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
