"""Answers with the value of the Python expression in the header X-Evaluate, with Flask's names."""

import io

import flask
from flask import abort, jsonify, make_response, redirect, request, stream_with_context
from werkzeug.exceptions import NotFound


def with_cookies():
    response = make_response("x")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response


def later():
    @flask.after_this_request
    def add(response):
        response.headers["X-Later"] = "1"
        return response

    return "x"


def streamed():
    def pieces():
        yield request.path
        yield " ends"

    return stream_with_context(pieces())


def uploaded():
    return {
        name: [file.filename, file.mimetype, file.read().decode()]
        for name, file in request.files.items(multi=True)
    }


def handle(event, context):
    return eval(event.headers["X-Evaluate"], globals() | {"event": event, "context": context})
