"""Code that opens a path in the kernel gets advice, or the file in another way."""

from __future__ import annotations

import datetime
import importlib.machinery
import importlib.util
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import ImageFont

from tests.runtime.handler.conftest import Evaluator
from tests.support import serve

HANDLER = """\
import ctypes, dbm, importlib.resources, os, pathlib, sqlite3, ssl, subprocess, sys, tempfile

HERE = os.path.dirname(__file__)

def p(name):
    return os.path.join(HERE, "data", name)

def inside(path, call):
    before = os.getcwd()
    os.chdir(path)
    try:
        return call()
    finally:
        os.chdir(before)

def of_child(call):
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            call()
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    raise OSError(os.read(reader, 4096).decode())

def deserialized(path):
    database = sqlite3.connect(":memory:")
    database.deserialize(open(path, "rb").read())
    return database.execute("select x from t").fetchone()

def context():
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

def failing(message):
    raise OSError(message)

def handle(event, context_):
    return {"body": [eval(event.body, globals())]}
"""
EXTENSION = f"fast{importlib.machinery.EXTENSION_SUFFIXES[0]}"


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "made.db") as made:
        made.execute("create table t (x)")
        made.execute("insert into t values (7)")
    made.close()
    return (folder / "made.db").read_bytes()


def certificate() -> tuple[bytes, bytes]:
    """Return a certificate that signs itself, and its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tested")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(*form)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    cert, key = certificate()
    font = ImageFont.load_default(10)
    assert isinstance(font, ImageFont.FreeTypeFont)
    files: dict[str, str | bytes] = {
        "handler.py": HANDLER,
        "data/a.db": database(tmp_path_factory.mktemp("database")),
        "data/text.txt": "text\n",
        "data/cert.pem": cert,
        "data/key.pem": key,
        "data/font.ttf": font.font_bytes,
        "data/element.xml": "<r><c/></r>",
        f"{EXTENSION}": b"\x7fELF",
        "libfast.so": b"\x7fELF",
    }
    with serve(files) as function:
        yield Evaluator(function)


HERE = "/home/app/function"
DATA = f"{HERE}/data"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sqlite3.connect(p('a.db'))", f"sqlite3.OperationalError: {DATA}/a.db is in memory alone"),
        ("sqlite3.connect(pathlib.Path(p('a.db')))", f"OperationalError: {DATA}/a.db is"),
        ("sqlite3.connect('function/data/a.db')", f"OperationalError: {DATA}/a.db is"),
        ("sqlite3.dbapi2.connect(database=p('a.db'))", f"OperationalError: {DATA}/a.db is"),
        ("sqlite3.connect(f'file:{p(\"a.db\")}?mode=ro', uri=True)", f"{DATA}/a.db is in memory"),
        ("sqlite3.connect('file:function/data/a.db?mode=ro', uri=True)", f"{DATA}/a.db is"),
        ("sqlite3.connect(p('new.db'))", f"OperationalError: {DATA}"),
        ("inside(HERE + '/data', lambda: sqlite3.connect('a.db'))", f"{DATA}/a.db is"),
        ("inside(HERE + '/data', lambda: sqlite3.connect('new.db'))", "new.db is in memory alone"),
        ("ctypes.CDLL(HERE + '/libfast.so')", f"OSError: {HERE}/libfast.so is"),
        ("ctypes.cdll.LoadLibrary('function/libfast.so')", f"OSError: {HERE}/libfast.so"),
        ("__import__('function.fast')", f"ImportError: {HERE}/{EXTENSION} is"),
        ("[sys.path.insert(0, HERE), __import__('fast')]", f"ImportError: {HERE}/{EXTENSION}"),
        ("subprocess.run(['cat', p('text.txt')])", f"OSError: [Errno 95] {DATA}/text.txt is in"),
        ("subprocess.run(['cat', pathlib.Path(p('text.txt'))])", f"{DATA}/text.txt is in memory"),
        ("subprocess.run(['cat', 'function/data/text.txt'])", f"{DATA}/text.txt is in memory"),
        ("subprocess.run(['x', '--in=' + p('text.txt')])", f"{DATA}/text.txt is in memory"),
        ("subprocess.run(['x', '--in=function/data/text.txt'])", f"{DATA}/text.txt is in memory"),
        ("subprocess.check_output('wc -l <' + p('text.txt'), shell=True)", f"{DATA}/text.txt is"),
        ("subprocess.check_output('wc function/data/text.txt', shell=True)", f"{DATA}/text.txt is"),
        ("subprocess.run([sys.executable, __file__])", f"{HERE}/handler.py is in memory"),
        ("subprocess.run(['ls', HERE])", f"{HERE} is in memory alone"),
        ("subprocess.run(['ls'], cwd=HERE)", f"{HERE} is in memory alone: no process"),
        ("subprocess.Popen('ls', -1, None, None, None, None, None, True, False, p(''))", "alone"),
        ("subprocess.run(['x'], executable=p('text.txt'))", f"{DATA}/text.txt is in memory alone"),
        ("inside(HERE + '/data', lambda: subprocess.run(['cat', 'text.txt']))", f"{DATA}/text.txt"),
        ("os.system('cat ' + p('text.txt'))", f"{DATA}/text.txt is in memory alone"),
        ("os.popen('cat function/data/text.txt')", f"{DATA}/text.txt is in memory alone"),
        ("of_child(lambda: os.execv('/bin/cat', ['cat', p('text.txt')]))", f"{DATA}/text.txt is"),
        ("of_child(lambda: os.execlp('cat', 'cat', p('text.txt')))", f"{DATA}/text.txt is in"),
        ("os.posix_spawn('/bin/cat', ['cat', p('text.txt')], os.environ)", f"{DATA}/text.txt is"),
        ("importlib.resources.path(__package__, 'handler.py').__enter__()", "handler.py is in"),
        ("importlib.resources.path('function.data', 'a.db').__enter__()", f"{DATA}/a.db is in"),
    ],
)  # fmt: skip
def test_a_path_that_the_kernel_would_open_is_refused_with_the_file_and_advice(
    evaluate: Evaluator, expression: str, said: str
) -> None:
    trace = evaluate.trace(expression)
    assert said in trace
    assert "faas_sealed" not in trace


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sqlite3.connect(':memory:').execute('select 7').fetchone()", [7]),
        ("inside(HERE, lambda: sqlite3.connect(':memory:').execute('select 7').fetchone())", [7]),
        ("inside(HERE, lambda: sqlite3.connect('').execute('select 7').fetchone())", [7]),
        ("sqlite3.connect(tempfile.mkdtemp() + '/x').execute('select 7').fetchone()", [7]),
        ("subprocess.run(['echo', 'a function'], capture_output=True, text=True).stdout",
         "a function\n"),
        ("subprocess.run(['echo', 'function'], capture_output=True, text=True).stdout",
         "function\n"),
        ("inside(HERE, lambda: subprocess.getoutput('echo data'))", "data"),
        ("subprocess.run(['pwd'], cwd='/', capture_output=True, text=True).stdout", "/\n"),
        ("subprocess.run(['cat'], input=open(p('text.txt'), 'rb').read(), capture_output=True)"
         ".stdout.decode()", "text\n"),
        ("inside(HERE, lambda: ctypes.CDLL('libc.so.6').getpid() > 0)", True),
        ("ctypes.CDLL(None).getpid() > 0", True),
        ("os.system('true')", 0),
    ],
)  # fmt: skip
def test_what_names_no_file_of_the_folder_goes_to_the_kernel(
    evaluate: Evaluator, expression: str, value: object
) -> None:
    assert evaluate(expression).json() == [value]


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "deserialize"), reason="new in Python 3.11")
def test_a_database_can_be_read_as_the_error_says(evaluate: Evaluator) -> None:
    assert evaluate("deserialized(p('a.db'))").json() == [[7]]


@pytest.mark.skipif(importlib.util.find_spec("_gdbm") is None, reason="not in this Python")
def test_a_dbm_file_is_refused(evaluate: Evaluator) -> None:
    said = f"OSError: {DATA}/text.txt is in memory alone"
    assert said in evaluate.trace("__import__('dbm.gnu').gnu.open(p('text.txt'))")


@pytest.mark.parametrize(
    "message",
    [
        "cannot open {file}",
        "Could not open file '{file}'",
        "[Errno 2] Unable to open file (unable to open file: name = '{file}', errno = 2)",
        "error loading model: {file}: No such file or directory",
        'Load model from "{file}" failed: File does not exist',
    ],
)
def test_a_trace_has_a_hint_where_c_code_has_not_found_a_file(
    evaluate: Evaluator, message: str
) -> None:
    text = message.format(file=f"{DATA}/a.db")
    trace = evaluate.trace(f"failing({text!r})")
    assert trace.splitlines()[-1] == (
        f"faas-seal: hint: {DATA}/a.db is in memory alone: "
        "read it with open(), and hand over bytes or a copy in /tmp"
    )


@pytest.mark.parametrize(
    "message",
    [
        "cannot open {data}/none",
        "cannot open {data}/a.db.bak",
        "line 3 of {data}/text.txt has no colon",
        "cannot open /tmp/a.db",
    ],
)
def test_a_trace_has_no_hint_where_the_error_is_another(evaluate: Evaluator, message: str) -> None:
    assert "hint" not in evaluate.trace(f"failing({message.format(data=DATA)!r})")


def test_tls_takes_certificates_of_the_folder(evaluate: Evaluator) -> None:
    chain = "context().load_cert_chain(p('cert.pem'), p('key.pem'))"
    assert evaluate(chain).json() == [None]
    assert evaluate(
        "context().load_cert_chain(certfile='function/data/cert.pem', keyfile=p('key.pem'))"
    ).json() == [None]
    loaded = (
        "(lambda c: [c.load_verify_locations(p('cert.pem')), len(c.get_ca_certs())])(context())"
    )
    assert evaluate(loaded).json() == [[None, 1]]
    default = "len(ssl.create_default_context(cafile=p('cert.pem')).get_ca_certs())"
    assert evaluate(default).json() == [1]
    assert "SSLError" in evaluate.trace("context().load_cert_chain(p('text.txt'))")
    assert "FileNotFoundError" in evaluate.trace("context().load_cert_chain(p('none.pem'))")
    count = "len(os.listdir('/proc/self/fd'))"
    [[before, _, after]] = evaluate(f"[{count}, {chain}, {count}]").json()
    assert before == after


def test_pillow_takes_fonts_of_the_folder(evaluate: Evaluator) -> None:
    font = "__import__('PIL.ImageFont').ImageFont.truetype(p('font.ttf'), 12)"
    assert evaluate(f"{font}.getname()[0]").json() == ["Aileron"]
    assert evaluate(f"{font}.font_variant(size=20).size").json() == [20]


def test_lxml_takes_files_of_the_folder(evaluate: Evaluator) -> None:
    pytest.importorskip("lxml")
    parse = "__import__('lxml.etree').etree.parse"
    assert evaluate(f"{parse}(p('element.xml')).getroot().tag").json() == ["r"]
    assert evaluate(f"{parse}(p('element.xml')).docinfo.URL").json() == [f"{DATA}/element.xml"]
