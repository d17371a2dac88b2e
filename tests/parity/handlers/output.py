"""Prints and logs, by the path of the request."""

import logging
import sys

log = logging.getLogger(__name__)


def by_print():
    print("printed")


def by_print_with_flush():
    print("printed", flush=True)


def to_standard_error():
    print("complained", file=sys.stderr)


def by_the_root_logger():
    logging.warning("warned")
    logging.info("informed")


def by_a_logger_of_its_own():
    log.error("failed")
    log.info("informed")


def by_a_logger_set_to_info():
    log.setLevel(logging.INFO)
    log.info("informed")


def by_a_library_that_leaves_it_to_others():
    library = logging.getLogger("library")
    library.addHandler(logging.NullHandler())
    library.warning("warned")


def by_a_handler_of_its_own():
    own = logging.getLogger("own")
    own.addHandler(logging.StreamHandler(sys.stdout))
    own.warning("warned")


def configured_in_the_call():
    logging.basicConfig(level=logging.INFO, format="own format %(message)s")
    log.warning("warned")
    log.info("informed")


def with_a_traceback():
    try:
        {}["missing"]
    except KeyError:
        log.exception("failed")


def by_an_exception():
    raise LookupError("no such thing")


def handle(event, context):
    globals()[event.path.strip("/").replace("-", "_")]()
    return "said"
