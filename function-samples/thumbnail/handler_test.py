from __future__ import annotations

import io
import struct
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from .handler import handle
from .picture import MOST_SOURCE_PIXELS, is_marked


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    output = io.BytesIO()
    Image.new(mode, (width, height)).save(output, kind)
    return output.getvalue()


def hollow(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG that says it is this large, and has nearly nothing in it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"")
    body = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(kind + content))
        body += struct.pack(">I", len(content)) + kind + content + check
    return body


def answer(body: bytes, **query: str) -> dict[str, Any]:
    return handle(SimpleNamespace(body=body, query=query), SimpleNamespace())


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "L"), ("GIF", "P")])
def test_a_picture_becomes_a_thumbnail_of_its_shape(kind: str, mode: str) -> None:
    answered = answer(picture(600, 300, kind, mode), size="100")
    assert answered["headers"] == {"Content-Type": "image/png"}
    image = Image.open(io.BytesIO(answered["body"]))
    assert (image.format, image.size) == ("PNG", (100, 50))


def test_every_thumbnail_carries_the_mark_and_nothing_else_does() -> None:
    body = picture(300, 300)
    assert is_marked(Image.open(io.BytesIO(answer(body)["body"])))
    assert not is_marked(Image.open(io.BytesIO(body)))


def test_a_small_picture_is_not_made_larger() -> None:
    assert Image.open(io.BytesIO(answer(picture(20, 10))["body"])).size == (20, 10)


@pytest.mark.parametrize(
    "body", [b"", b"no picture", picture(300, 300)[:200], picture(30, 30, "BMP")]
)
def test_what_is_no_whole_picture_is_refused(body: bytes) -> None:
    answered = answer(body)
    assert answered["statusCode"] == 422
    assert answered["body"] == {"error": "the body is not a whole image (JPEG, PNG, WEBP, GIF)"}


@pytest.mark.parametrize("side", [int(MOST_SOURCE_PIXELS**0.5) + 1, 20_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    assert answer(hollow(side, side)) == {
        "statusCode": 422,
        "body": {"error": "the image has more than 40,000,000 pixels"},
    }


def test_a_bomb_in_a_comment_is_refused() -> None:
    comment = b"Comment\0\0" + zlib.compress(bytes(70_000_000))
    answered = answer(hollow(50, 50, (b"zTXt", comment)))
    assert answered["statusCode"] == 422
    assert "not a whole image" in answered["body"]["error"]


@pytest.mark.parametrize(("size", "status"), [("x", 400), ("15", 422), ("513", 422)])
def test_a_size_that_cannot_be_is_refused(size: str, status: int) -> None:
    assert answer(picture(20, 20), size=size)["statusCode"] == status
