module provider

go 1.23

require (
	github.com/gorilla/mux v1.8.1
	github.com/openfaas/faas-provider v0.25.8
)
