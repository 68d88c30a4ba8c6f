// SPDX-License-Identifier: MIT
//
// An echo server on gorilla/websocket, with permessage-deflate. The library leaves UTF-8 to its
// user; this checks it as the library's example for Autobahn does.
//
// Usage: gorilla_echo PORT [CERTIFICATE KEY] (port 0: any that is free); it says where on standard
// error. With a certificate it speaks TLS.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{
	EnableCompression: true,
	CheckOrigin:       func(*http.Request) bool { return true },
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && !utf8.Valid(data) {
			text := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			conn.WriteControl(websocket.CloseMessage, text, time.Time{})
			return
		}
		if conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func main() {
	secure := len(os.Args) == 4
	scheme := "ws"
	if len(os.Args) != 2 && !secure {
		fmt.Fprintln(os.Stderr, "usage: gorilla_echo PORT [CERTIFICATE KEY]")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if secure {
		pair, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		scheme = "wss"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	fmt.Fprintf(os.Stderr, "listening on %s://%s\n", scheme, listener.Addr())
	log.SetOutput(io.Discard)
	log.Fatal(http.Serve(listener, http.HandlerFunc(echo)))
}
