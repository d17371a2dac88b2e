"""What a handler does by means of Flask."""

from __future__ import annotations

from dataclasses import replace

from tests.parity.case import Case, Group, value

_RETURNED = (
    "flask.Response('x', 201, mimetype='text/csv')",
    "flask.Response(b'\\xff\\x00', mimetype='image/png')",
    "flask.Response(iter(['a', 'b']))",
    "flask.Response('x', headers=[('X-A', '1'), ('X-A', '2')])",
    "flask.Response(status=204)",
    "(flask.Response('x', 201), 202, {'X-A': '1'})",
    "jsonify(b=1, a='\\xfc')",
    "jsonify([1, 2])",
    "(jsonify(error='no'), 404)",
    "{'body': jsonify(a=1)}",
    "make_response('x', 201)",
    "make_response({'a': 1}, 201, {'X-A': '1'})",
    "with_cookies()",
    "redirect('/elsewhere')",
    "redirect('/\\xfc?a=b', 301)",
    "redirect('https://elsewhere.example/')",
    "abort(404)",
    "abort(404, 'no such page')",
    "abort(make_response(jsonify(error='teapot'), 418))",
    "abort(500)",
    "NotFound('nowhere')",
    "later()",
    "streamed()",
    "flask.send_file(io.BytesIO(b'content'), download_name='a.txt')",
    "flask.render_template_string('{{ name }}', name='<b>')",
    "flask.g.get('none')",
    "flask.session.get('none')",
    "flask.session.update(a=1)",
)

_REQUEST = (
    "[request.method, request.path, request.full_path, request.url, request.base_url]",
    "[request.host, request.host_url, request.scheme, request.remote_addr, request.is_secure]",
    "[request.args.to_dict(flat=False), request.query_string.decode()]",
    "sorted(request.headers.items())",
    "[request.cookies.to_dict(), request.authorization.username]",
    "[request.user_agent.string, request.accept_mimetypes.best]",
    "[request.endpoint, str(request.url_rule), request.view_args, request.blueprint]",
    "[flask.current_app.name, flask.current_app.debug, flask.has_request_context()]",
    "flask.url_for('call_handler', path='x')",
    "flask.current_app.root_path is not None",
    "[request.environ['REQUEST_URI'], request.environ['PATH_INFO']]",
)
_HEADERS = (
    ("Cookie", "c=d; e=f"),
    ("Authorization", "Basic dXNlcjpwYXNz"),
    ("Accept", "text/html;q=0.5, application/json"),
)

_PARTS = (
    (b"a", b"", b"1"),
    (b"a", b"", b"2"),
    (b"f", b'; filename="x.txt"\r\nContent-Type: text/x', b"file"),
    # Werkzeug puts as much into a file.
    (b"g", b'; filename="\xc3\xbc.bin"', b"x" * 600_000),
)
_PART = b'--B\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
_MULTIPART = b"".join(_PART % part for part in _PARTS) + b"--B--\r\n"

_FORM = b"a=1&a=2&b=%C3%BC+x&c="

_POSTED: tuple[tuple[str, str, bytes], ...] = (
    ("request.get_json()", "application/json", b'{"b":1,"a":[]}'),
    ("request.get_json()", "application/json; charset=utf-8", b'"\xc3\xbc"'),
    ("request.get_json()", "application/json", b"{"),
    ("request.get_json()", "application/json", b""),
    ("request.get_json()", "text/plain", b"{}"),
    ("[request.get_json(silent=True), request.is_json]", "text/plain", b"{}"),
    ("request.get_json(force=True)", "text/plain", b"{}"),
    ("request.json", "application/vnd.api+json", b"[1]"),
    ("request.form.to_dict(flat=False)", "application/x-www-form-urlencoded", _FORM),
    ("request.form.to_dict(flat=False)", "text/plain", _FORM),
    ("request.form['missing']", "application/x-www-form-urlencoded", _FORM),
    ("request.values.to_dict(flat=False)", "application/x-www-form-urlencoded", _FORM),
    ("request.form.to_dict(flat=False)", "multipart/form-data; boundary=B", _MULTIPART),
    ("len(str(uploaded()))", "multipart/form-data; boundary=B", _MULTIPART),
    ("request.form.to_dict(flat=False)", "multipart/form-data; boundary=C", _MULTIPART),
    ("[event.body.decode(), request.get_data(as_text=True)]", "text/plain", b"text"),
    ("[request.data.decode(), event.body.decode()]", "text/plain", b"text"),
    ("[request.data.decode(), event.body.decode()]", "application/x-www-form-urlencoded", _FORM),
    ("[request.form['b'], event.body.decode()]", "application/x-www-form-urlencoded", _FORM),
    ("[request.stream.read().decode(), event.body.decode()]", "text/plain", b"text"),
    ("[request.content_type, request.content_length, request.mimetype]", "text/x; y=z", b"text"),
    ("[request.environ['CONTENT_LENGTH'], request.environ['CONTENT_TYPE']]", "a/b", b"text"),
)


def _posted() -> list[Case]:
    cases = []
    for expression, content_type, body in _POSTED:
        case = value(
            f"[{expression}]",
            method="POST",
            target="/?q=1",
            headers=(("Content-Type", content_type),),
            body=body,
        )
        sent = body.decode() if len(body) < 30 else f"{len(body)} bytes"
        cases.append(replace(case, name=f"{expression} of {content_type}: {sent}"))
    return cases


RETURNED = Group("Flask's answers", "flask_values", tuple(map(value, _RETURNED)))
REQUEST = Group(
    "`flask.request`",
    "flask_values",
    tuple(
        value(f"[{expression}]", target="/p/%C3%BC?a=1&a=2", headers=_HEADERS)
        for expression in _REQUEST
    ),
)
POSTED = Group("Forms and JSON by `flask.request`", "flask_values", tuple(_posted()))
