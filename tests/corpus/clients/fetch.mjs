// Requests of node's fetch and http. Arguments: name of the case, URL of the function.
import http from "node:http";

const [name, url] = process.argv.slice(2);

const send = (options, write = () => {}) =>
  new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => response.resume().on("end", resolve));
    request.on("error", reject);
    write(request);
    request.end();
  });

const stream = () =>
  new ReadableStream({
    start(controller) {
      for (const piece of ["one ", "two ", "three"]) {
        controller.enqueue(new TextEncoder().encode(piece));
      }
      controller.close();
    },
  });

const form = () => {
  const data = new FormData();
  data.append("name", "Ada Lovelace");
  data.append("name", "größe");
  data.append("file", new Blob([new Uint8Array([0, 255, 13, 10])], { type: "image/png" }), "a b.png");
  return data;
};

const cases = {
  get: () => fetch(`${url}?a=1&a=2&b=ü`),
  json: () =>
    fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "ü" }),
    }),
  form: () => fetch(url, { method: "POST", body: form() }),
  urlencoded: () => fetch(url, { method: "POST", body: new URLSearchParams({ a: "1", b: "ü x" }) }),
  stream: () => fetch(url, { method: "POST", body: stream(), duplex: "half" }),
  bytes: () => fetch(url, { method: "PUT", body: new Uint8Array(300).fill(7) }),
  "delete with a body": () => fetch(url, { method: "DELETE", body: "gone" }),
  head: () => fetch(url, { method: "HEAD" }),
  "empty post": () => fetch(url, { method: "POST" }),
  events: () => fetch(url, { headers: { Accept: "text/event-stream", "Last-Event-ID": "7" } }),
  "http.request": () => send({ method: "GET", headers: { Cookie: ["a=1", "b=2"], "X-List": ["1", "2"] } }),
  "http.request with trailers": () =>
    send({ method: "POST", headers: { Trailer: "X-Checksum", "Transfer-Encoding": "chunked" } }, (request) => {
      request.write("body");
      request.addTrailers({ "X-Checksum": "abc" });
    }),
  "http.request that expects 100": () =>
    send({ method: "POST", headers: { Expect: "100-continue", "Content-Length": 4 } }, (request) =>
      request.write("body"),
    ),
};

if (name) {
  const response = await cases[name]();
  await response?.text?.();
} else {
  console.log(JSON.stringify({ cases: Object.keys(cases), version: `node ${process.version}` }));
}
