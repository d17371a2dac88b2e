"""Files that are uploaded with a form."""

import hashlib
import os
import tempfile

from flask import request
from werkzeug.utils import secure_filename


def handle(event, context):
    if not request.files:
        return {"statusCode": 400, "body": {"error": "no file was sent"}}
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        for field, upload in request.files.items(multi=True):
            path = os.path.join(folder, secure_filename(upload.filename) or "unnamed")
            upload.save(path)
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            taken.append(
                {
                    "field": field,
                    "name": os.path.basename(path),
                    "type": upload.mimetype,
                    "bytes": os.path.getsize(path),
                    "sha256": digest,
                }
            )
    return {"statusCode": 200, "body": {"title": request.form.get("title"), "files": taken}}
