"""Makes thumbnails, and writes a mark into them."""

from __future__ import annotations

import io
import random
import warnings

from PIL import Image

# A picture that is more than this once unpacked is a bomb, or not for us.
MOST_SOURCE_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

# Where the mark lies follows from this: who knows it can find the mark, and forge it.
MARK_SEED = 0x5EED_0F_4D41524B
MARK_SHARE = 0.02
MARK_BLUE = 3


class Unusable(Exception):
    """A body that no thumbnail can be made of; the message is for the caller."""


def thumbnail(body: bytes, size: int) -> bytes:
    """Return a PNG of at most `size` pixels on each side, or raise Unusable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(body), formats=FORMATS)
        if image.width * image.height > MOST_SOURCE_PIXELS:
            raise Image.DecompressionBombError
        image.thumbnail((size, size))
    except Image.DecompressionBombError:
        raise Unusable(f"the image has more than {MOST_SOURCE_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError):  # whatever Pillow's decoders raise
        raise Unusable(f"the body is not a whole image ({', '.join(FORMATS)})") from None
    marked = mark(image.convert("RGB"))
    output = io.BytesIO()
    marked.save(output, "PNG")
    return output.getvalue()


def mark(image: Image.Image) -> Image.Image:
    """Return the image with the lowest bits of some pixels' blue set as the mark says."""
    marked = image.copy()
    for spot, bits in _spots(image.size):
        red, green, blue = _pixel(image, spot)
        marked.putpixel(spot, (red, green, blue & ~MARK_BLUE | bits))
    return marked


def is_marked(image: Image.Image) -> bool:
    """Tell whether an image carries the mark."""
    return all(_pixel(image, spot)[2] & MARK_BLUE == bits for spot, bits in _spots(image.size))


def _spots(size: tuple[int, int]) -> list[tuple[tuple[int, int], int]]:
    """Return where the mark lies in an image of this size, and the bits of each place."""
    width, height = size
    choose = random.Random(MARK_SEED)  # noqa: S311 (the same places each time)
    places = choose.sample(range(width * height), max(1, int(width * height * MARK_SHARE)))
    return [((at % width, at // width), choose.randrange(MARK_BLUE + 1)) for at in places]


def _pixel(image: Image.Image, spot: tuple[int, int]) -> tuple[int, int, int]:
    pixel = image.getpixel(spot)
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return red, green, blue
