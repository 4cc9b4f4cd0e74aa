package main

import (
	"fmt"
	"net"
	"strconv"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves the Temporal UI on loopback until stop is called, and returns its URL. A taken port gives way to any
// free one: the UI is for looking, and no reason not to start.
//
// It is read-only. It knows no users, and what may happen to an article is decided by the desk, not by whoever opens
// this page. It fetches nothing from outside.
func startUI(port int, frontend, namespace string) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		listener, err = net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	}
	if err != nil {
		return "", nil, fmt.Errorf("start UI: %w", err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil { // the UI opens it again by its number
		return "", nil, fmt.Errorf("start UI: %w", err)
	}
	server := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: frontend,
		Host:                loopback,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    namespace,
		DisableNewsFetch:    true,
		DisableWriteActions: true,
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP, as loopback is
	}))
	go func() { _ = server.Start() }() // returns after stop; a bind that fails ends the process with a log line
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port)), server.Stop, nil
}
