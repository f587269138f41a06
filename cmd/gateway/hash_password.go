package main

// gateway hash-password: what ADMIN_PASSWORD_HASH wants, without a tool that the image has not.

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
)

// hashPassword reads a password, a line on stdin, and writes its hash. The password is no argument, as those can be
// read by others on the same host.
func hashPassword(stdin io.Reader, stdout, stderr io.Writer) int {
	line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		fmt.Fprintln(stderr, "gateway: the password cannot be read:", err)
		return exitFailed
	}
	hash, err := admin.HashPassword(strings.TrimRight(line, "\r\n"))
	if err != nil {
		fmt.Fprintln(stderr, "gateway: hash-password:", err)
		return exitMisconfig
	}
	fmt.Fprintln(stdout, hash)
	return exitStopped
}
