package nats

// Addresses of NATS servers.

import (
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/nats-io/nkeys"
)

var (
	errURL         = errors.New("nats: want nats://, tls://, ws:// or wss://, then a host, without path or options")
	errCredentials = errors.New("nats: want a file with a user's JWT and seed")
	errMixed       = errors.New("nats: WebSocket addresses (ws://, wss://) and others do not go together")
)

// parseURLs reads addresses that are separated by commas.
func parseURLs(urls string) ([]*url.URL, error) {
	var list []*url.URL
	sockets := 0
	for text := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, errURL
		}
		if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return nil, errURL
			}
		}
		switch u.Scheme {
		case "nats", "tls":
		case "ws", "wss":
			sockets++
		default:
			return nil, errURL
		}
		list = append(list, u)
	}
	if sockets != 0 && sockets != len(list) {
		return nil, errMixed
	}
	return list, nil
}

// CheckURLs reports what is wrong with urls, as Open would. The error never contains a password.
func CheckURLs(urls string) error {
	_, err := parseURLs(urls)
	return err
}

// SafeName is urls as they may be logged: without credentials. It is "" for what are none.
func SafeName(urls string) string {
	list, _ := parseURLs(urls)
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Scheme + "://" + u.Host
	}
	return strings.Join(names, ",")
}

// CheckCredentials reports what is wrong with a file of credentials. The error never contains what is in it.
func CheckCredentials(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := nkeys.ParseDecoratedJWT(text); err != nil {
		return errCredentials
	}
	key, err := nkeys.ParseDecoratedUserNKey(text)
	if err != nil {
		return errCredentials
	}
	key.Wipe()
	return nil
}
