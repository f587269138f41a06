// Command webtransport is a chat whose page upgrades to WebTransport, which is HTTP/3.
//
//	make client # the client's bundles, once
//	go run ./examples/webtransport
//
// Open http://localhost:3000 in a browser that has WebTransport. HTTP is on TCP, WebTransport on the same port of UDP.
// The certificate is made at the start, for this machine only: the page tells the browser its hash. A public server
// has a real one, and needs no hash.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"flag"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/webtransport"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

//go:embed page.html
var page string

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on, with TCP and UDP")
	flag.Parse()
	cert, err := certificate()
	if err != nil {
		log.Fatal(err)
	}
	bundles, ok := public.Client()
	if !ok {
		log.Fatal("the client's bundles are not there: make client")
	}
	io := socketio.NewServer(socketio.Options{
		Transports: []string{"polling", "websocket", webtransport.Name},
		Client:     bundles, ClientVersion: public.ClientVersion,
	})
	io.On("say", func(e *socketio.Event) error {
		var text string
		if err := e.Bind(&text); err != nil {
			return err
		}
		return io.Emit("said", text)
	})

	quic, err := webtransport.Listen("udp", *addr, io, webtransport.Options{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer quic.Close()
	http.Handle("/socket.io/", io)
	hash := sha256.Sum256(cert.Certificate[0])
	html := strings.Replace(page, "CERTIFICATE_HASH", base64.StdEncoding.EncodeToString(hash[:]), 1)
	http.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(html))
	})
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

// certificate returns one that browsers take by its hash: on an elliptic curve, for at most 14 days.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(13 * 24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
