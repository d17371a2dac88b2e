"""Notes in SQLite, by a connection that belongs to the module, and a schema beside it."""

import os
import sqlite3
import threading

lock = threading.Lock()
db = sqlite3.connect(":memory:", check_same_thread=False)
db.row_factory = sqlite3.Row
with open(os.path.join(os.path.dirname(__file__), "schema.sql")) as schema:
    db.executescript(schema.read())


def handle(event, context):
    with lock, db:
        if event.method == "POST":
            cursor = db.execute("INSERT INTO notes (text) VALUES (?)", (event.body.decode(),))
            return {"statusCode": 201, "body": {"id": cursor.lastrowid}}
        found = db.execute(
            "SELECT id, text FROM notes WHERE text LIKE ? ORDER BY id",
            (f"%{event.query.get('q', '')}%",),
        )
        return {"statusCode": 200, "body": {"notes": [dict(row) for row in found]}}
