"""Looks for its files in each way, and reads and imports them in each way."""

import ast
import bz2
import codecs
import configparser
import csv
import errno
import fileinput
import filecmp
import functools
import gettext
import glob
import gzip
import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.resources
import importlib.util
import inspect
import io
import json
import linecache
import logging.config
import lzma
import mimetypes
import mmap
import os
import pickle
import pkgutil
import plistlib
import runpy
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import tokenize
import traceback
import wave
import xml.etree.ElementTree
import xml.sax
import zipfile
import zipimport
from pathlib import Path

import flask
import jinja2

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = Path(__file__).resolve().parent
DATA = os.path.join(HERE, "data")
LIB = os.path.join(HERE, "lib")


def p(name):
    return os.path.join(DATA, name)


def read(path, *args, **options):
    with open(path, *args, **options) as file:
        return file.read()


def fails(call):
    """Return the error of a call: class, number, and the path in it."""
    try:
        value = call()
    except Exception as error:
        return [
            type(error).__name__,
            getattr(error, "errno", None),
            str(getattr(error, "filename", None)),
        ]
    return ["no error", str(value)]


def answers(call):
    """Return the value of a call, or its error as text."""
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def names(path):
    return sorted(name for name in os.listdir(path) if name != "__pycache__")


def walked(path, walk=os.walk):
    return [[root, sorted(folders), sorted(files)] for root, folders, files, *_ in walk(path)]


def inside(path, call):
    """Return the value of a call for which this is the current folder."""
    before = os.getcwd()
    os.chdir(path)
    try:
        return call()
    finally:
        os.chdir(before)


def importing(folder, name):
    """Return a module that is imported by way of sys.path, for this once."""
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied(copy, source):
    folder = tempfile.mkdtemp()
    try:
        made = copy(source, os.path.join(folder, "copy"))
        return walked(made)[0][1:] if os.path.isdir(made) else read(made)
    finally:
        shutil.rmtree(folder)


def linked(target, call):
    """Return the value of a call with a link outside that leads to the target."""
    folder = tempfile.mkdtemp()
    try:
        link = os.path.join(folder, "link")
        os.symlink(target, link)
        return call(link)
    finally:
        shutil.rmtree(folder)


def with_descriptor(path, call):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return call(descriptor)
    finally:
        os.close(descriptor)


def sections(*paths):
    parser = configparser.ConfigParser()
    found = parser.read(paths)
    return [len(found), parser.sections()]


def mapped(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        return memory[:3].decode()


def trace(call):
    try:
        call()
    except Exception:
        return traceback.format_exc().splitlines()[-2:]


def render(**options):
    app = flask.Flask(__name__, **options)
    with app.app_context():
        return flask.render_template("hello.html", name="Ada")


def template(loader):
    return jinja2.Environment(loader=loader).get_template("hello.html").render(name="Ada")


def handle(event, context):
    scope = globals() | {"event": event, "context": context}
    if event.path == "/answer":
        return eval(event.headers["X-Evaluate"], scope)
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps([eval(event.headers["X-Evaluate"], scope)]),
    }
