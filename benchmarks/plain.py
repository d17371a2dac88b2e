"""A plain Flask application behind waitress, in the shape of python3-http.

python -m benchmarks.plain PORT
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

from flask import Flask, request
from flask.typing import ResponseReturnValue
from waitress import serve

from benchmarks.handler import handle

app = Flask(__name__)


@app.route("/")
def call() -> ResponseReturnValue:
    event = SimpleNamespace(
        body=request.get_data(),
        headers=request.headers,
        method=request.method,
        query=request.args,
        path=request.path,
    )
    answer = handle(event, SimpleNamespace(hostname="localhost"))
    return answer["body"], answer["statusCode"]


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]))
