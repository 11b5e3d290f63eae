"""Rules about pictures and documents, from the bytes themselves."""
import base64
import binascii
import re
import struct

from vendor_request import Refusal

MOST_BYTES, LONGEST_SIDE, LONGEST_OF_MANY, MANY = 10 << 20, 8000, 2000, 20
SIGNS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",), "image/jpeg": (b"\xff\xd8\xff",), "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}


def media(request):
    sources = [(path, block.get("type"), block.get("source")) for path, block in request.inner_blocks
               if block.get("type") in ("image", "document") and isinstance(block.get("source"), dict)]
    pictures = [(path, source) for path, kind, source in sources if kind == "image"]
    most = request.model.reads_pages
    if len(pictures) > most:
        yield Refusal("image.count", f"messages: too many images: {len(pictures)} > {most}")
    longest = LONGEST_OF_MANY if len(pictures) > MANY else LONGEST_SIDE
    for path, source in pictures:
        if source.get("type") == "base64":
            yield from picture(f"{path}.image.source", source, longest)
        elif source.get("type") not in ("url", "file"):
            yield Refusal("image.source", f"{path}.image.source: Input tag does not match any of the expected tags")
    pages = 0
    for path, kind, source in sources:
        if kind == "document" and source.get("media_type") == "application/pdf":
            data = decoded(source)
            if data is None or not data.lstrip().startswith(b"%PDF"):
                yield Refusal("pdf.invalid", f"{path}.document.source.base64.data: The PDF specified was not valid.")
            pages += len(re.findall(rb"/Type\s*/Page\b", data or b""))
    if pages > most:
        yield Refusal("pdf.pages", f"A maximum of {most} PDF pages may be provided.")


def picture(path, source, longest):
    label = source.get("media_type")
    if label not in SIGNS:
        kinds = "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        yield Refusal("image.type", f"{path}.base64.media_type: Input should be {kinds}")
        return
    if len(source.get("data") or "") > MOST_BYTES:
        yield Refusal("image.bytes", f"{path}.base64: image exceeds 10 MB maximum: {len(source['data'])} bytes")
    data = decoded(source)
    found = next((kind for kind, signs in SIGNS.items() if data and data.startswith(signs)), None)
    if found is None:
        yield Refusal("image.invalid", "Could not process image")
        return
    if found != label:
        yield Refusal(
            "image.mismatch",
            f"{path}.base64.media_type: Image was specified using the {label} media type, but the image appears to be a "
            f"{found} image")
    if max(size_of(found, data)) > longest:
        kind = " for many-image requests" if longest == LONGEST_OF_MANY else ""
        yield Refusal(
            "image.side", f"{path}.base64.data: At least one of the image dimensions exceed max allowed size{kind}: "
            f"{longest} pixels")


def decoded(source):
    try:
        return base64.b64decode(source.get("data") or "", validate=True)
    except (binascii.Error, ValueError):
        return None


def size_of(kind, data):
    """Width and height where the head of the file tells them, else 0."""
    if kind == "image/png" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if kind == "image/gif" and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    return 0, 0
