"""An image comes in, a smaller one goes out."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError


def handle(event, context):
    try:
        image = Image.open(BytesIO(event.body))
    except UnidentifiedImageError:
        return {"statusCode": 415, "body": "this is no image"}
    size = int(event.query.get("size", "16"))
    image.thumbnail((size, size))
    out = BytesIO()
    if event.query.get("format") == "jpeg":
        image.convert("RGB").save(out, "JPEG", quality=90)
        return out.getvalue(), 200, {"Content-Type": "image/jpeg"}
    image.save(out, "PNG")
    return (
        out.getvalue(),
        200,
        {"Content-Type": "image/png", "X-Size": f"{image.width}x{image.height}"},
    )
