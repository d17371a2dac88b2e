"""Settings out of files beside the handler, and a package of its own below `lib/`."""

import configparser
import json
import logging.config
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))

from conversions import celsius  # noqa: E402

config = configparser.ConfigParser()
config.read(os.path.join(HERE, "settings.ini"))
logging.config.fileConfig(os.path.join(HERE, "settings.ini"), disable_existing_loggers=False)
if os.path.exists(os.path.join(HERE, "overrides.json")):
    with open(os.path.join(HERE, "overrides.json")) as file:
        config.read_dict(json.load(file))


def handle(event, context):
    logging.getLogger("service").debug("not shown")
    return {
        "statusCode": 200,
        "body": {
            "unit": config["service"]["unit"],
            "limit": config.getint("service", "limit"),
            "celsius": celsius(float(event.query.get("fahrenheit", "212"))),
            "files": sorted(name for name in os.listdir(HERE) if not name.startswith("__")),
        },
    }
