// A provider with one function, for the real gateway: it is the library of OpenFaaS's providers,
// and a resolver that knows one address. Arguments: the address to listen on, the function's URL.
package main

import (
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gorilla/mux"
	"github.com/openfaas/faas-provider/proxy"
	"github.com/openfaas/faas-provider/types"
)

const name = "{name:[-a-zA-Z_0-9.]+}"

type resolver struct{ function url.URL }

func (r resolver) Resolve(string) (url.URL, error) { return r.function, nil }

func main() {
	function, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	config := types.FaaSConfig{ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	handler := proxy.NewHandlerFunc(config, resolver{*function}, false)
	router := mux.NewRouter()
	for _, path := range []string{"/function/" + name, "/function/" + name + "/", "/function/" + name + "/{params:.*}"} {
		router.HandleFunc(path, handler)
	}
	log.Fatal(http.ListenAndServe(os.Args[1], router))
}
