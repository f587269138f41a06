package main

// gateway --help.

import (
	"fmt"
	"io"

	"github.com/brunossouza/websocket-escalonavel/gateway"
)

// writeHelp writes the --help text of a program with these services.
func writeHelp(w io.Writer, services ...gateway.Service) error {
	_, err := fmt.Fprint(w, `gateway serves Socket.IO at /socket.io/: the chat, with a page at /, or what SERVICE says.

Usage:
  gateway             run until SIGTERM (an orderly stop) or SIGINT (a quick one); a second signal ends it at once
  gateway hash-password   read a password, print its hash for ADMIN_PASSWORD_HASH
  gateway --help      print this text
  gateway --version   print version and commit

`)
	if err != nil {
		return err
	}
	if err := gateway.WriteSettings(w, services...); err != nil {
		return err
	}
	_, err = fmt.Fprint(w, `
Exit codes: 0 stopped as asked, 1 could not run (such as a port in use), 2 a setting or argument is not valid,
130 or 143 ended at once by a second SIGINT or SIGTERM.
`)
	return err
}
