// Requests of Go's net/http. Arguments: name of the case, URL of the function.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strings"
)

func made(method, url string, body io.Reader, headers ...string) *http.Request {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return request
}

func form() (io.Reader, string) {
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	writer.SetBoundary("a-boundary-of-go")
	writer.WriteField("name", "Ada")
	file, _ := writer.CreateFormFile("file", "größe.bin")
	file.Write([]byte{0, 255, 13, 10})
	writer.Close()
	return &body, writer.FormDataContentType()
}

func stream() io.Reader {
	reader, writer := io.Pipe()
	go func() {
		for _, piece := range []string{"one ", "two ", "three"} {
			writer.Write([]byte(piece))
		}
		writer.Close()
	}()
	return reader
}

func main() {
	url := ""
	if len(os.Args) > 2 {
		url = os.Args[2]
	}
	cases := map[string]func() *http.Request{
		"get": func() *http.Request { return made("GET", url+"/a%2Fb/ü?q=ü&q=x+y", nil) },
		"post": func() *http.Request {
			return made("POST", url, strings.NewReader(`{"a": 1}`), "Content-Type", "application/json")
		},
		"form": func() *http.Request {
			body, kind := form()
			return made("POST", url, body, "Content-Type", kind)
		},
		"stream": func() *http.Request { return made("POST", url, stream()) },
		"trailers": func() *http.Request {
			request := made("PUT", url, stream())
			request.Trailer = http.Header{"X-Checksum": []string{"abc"}}
			return request
		},
		"expects 100":        func() *http.Request { return made("POST", url, strings.NewReader("body"), "Expect", "100-continue") },
		"empty post":         func() *http.Request { return made("POST", url, nil) },
		"delete with a body": func() *http.Request { return made("DELETE", url, strings.NewReader("gone")) },
		"get with a body":    func() *http.Request { return made("GET", url, strings.NewReader("asked")) },
		"head":               func() *http.Request { return made("HEAD", url, nil) },
		"options":            func() *http.Request { return made("OPTIONS", url, nil) },
		"patch":              func() *http.Request { return made("PATCH", url, strings.NewReader("[]")) },
		"range":              func() *http.Request { return made("GET", url, nil, "Range", "bytes=0-99") },
		"repeated headers": func() *http.Request {
			return made("GET", url, nil, "X-List", "1", "X-List", "2", "X-List", "a, b", "Cookie", "a=1", "Cookie", "b=2")
		},
		"headers of one connection": func() *http.Request {
			return made("GET", url, nil, "Connection", "X-Mine", "X-Mine", "1", "Keep-Alive", "timeout=5", "Te", "trailers", "Upgrade", "h2c")
		},
		"user agent of none": func() *http.Request { return made("GET", url, nil, "User-Agent", "") },
		"events":             func() *http.Request { return made("GET", url+"/a%20b", nil, "Accept", "text/event-stream") },
		"lines": func() *http.Request {
			return made("POST", url, strings.NewReader("body"), "Accept", "application/x-ndjson")
		},
		"close": func() *http.Request {
			request := made("GET", url, nil)
			request.Close = true
			return request
		},
	}
	if url == "" {
		names := []string{}
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		json.NewEncoder(os.Stdout).Encode(map[string]any{"cases": names, "version": runtime.Version()})
		return
	}
	response, err := http.DefaultClient.Do(cases[os.Args[1]]())
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, response.Body)
}
