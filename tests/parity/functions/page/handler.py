"""A page out of a template, and what belongs to it."""

import os

from flask import send_from_directory
from jinja2 import Environment, FileSystemLoader, select_autoescape

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = Environment(
    loader=FileSystemLoader(os.path.join(HERE, "templates")), autoescape=select_autoescape()
)


def handle(event, context):
    if event.path.startswith("/assets/"):
        return send_from_directory(os.path.join(HERE, "static"), event.path[len("/assets/") :])
    template = ENVIRONMENT.get_template("greeting.html")
    page = template.render(name=event.query.get("name", "you"), items=event.query.getlist("item"))
    return page, 200, {"Content-Type": "text/html; charset=utf-8"}
