"""An archive of several texts, to be downloaded."""

import json
import zipfile
from io import BytesIO

from flask import send_file


def handle(event, context):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in sorted(json.loads(event.body).items()):
            archive.writestr(zipfile.ZipInfo(name), text)
    out.seek(0)
    return send_file(out, mimetype="application/zip", as_attachment=True, download_name="texts.zip")
