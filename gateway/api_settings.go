package gateway

// Settings of the server API.

import (
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/gateway/api"
)

// apiOff is the API_ADDR of a gateway without the API, apiUnset the API_TOKENS of one whose tokens are in a file.
const (
	apiOff   = "off"
	apiUnset = "unset"
)

// apiSettings declares them.
func (c *Config) apiSettings() []Setting {
	return []Setting{
		{
			Name: "API_ADDR", Default: apiOff,
			Meaning: "where backends find the server API, which sends, joins, disconnects and lists for the whole " +
				"cluster; not for the public",
			Valid: "off, or [host]:port of a listener of its own, such as 10.0.0.5:3001",
			Set:   func(v string) bool { c.APIAddr = v; return v == apiOff || validListenAddr(v) },
		},
		{
			Name: "API_TOKENS", Default: apiUnset,
			Meaning: "tokens of which a request to the API must have one, as Authorization: Bearer",
			Valid: "unset, or tokens of at least 16 bytes of printable ASCII, separated by commas; or none, which " +
				"needs an API_ADDR of this host alone, such as 127.0.0.1:3001",
			Secret: true,
			Set:    c.setAPITokens,
		},
		{
			Name: "API_TOKENS_FILE", Default: none,
			Meaning: "file with such tokens, one on each line; it is read again when it has changed",
			Valid:   "none, or a readable file whose lines are tokens of at least 16 bytes of printable ASCII",
			Set:     c.setAPITokensFile,
		},
		bytesSetting("API_MAX_BODY", "1000000", "largest body of a request to the API, in bytes", maxPayloadBytes,
			&c.APIMaxBody),
	}
}

// setAPITokens reads API_TOKENS.
func (c *Config) setAPITokens(v string) bool {
	if v == none {
		c.apiOpen = true
		return true
	}
	if v == apiUnset {
		return true
	}
	for token := range strings.SplitSeq(v, ",") {
		c.apiTokens = append(c.apiTokens, strings.TrimSpace(token))
	}
	_, err := api.NewTokens(c.apiTokens, "", slog.Default())
	return err == nil
}

// setAPITokensFile keeps API_TOKENS_FILE, which may have no token yet.
func (c *Config) setAPITokensFile(file string) bool {
	if file == none {
		return true
	}
	c.apiTokensFile = file
	_, err := api.NewTokens(nil, file, slog.Default())
	return err == nil
}

// checkAPI returns an error where the API would be open to strangers.
func (c *Config) checkAPI() error {
	given := len(c.apiTokens) > 0 || c.apiTokensFile != ""
	switch {
	case c.APIAddr == apiOff:
		return nil
	case c.apiOpen && given:
		return &SettingError{Name: "API_TOKENS", Value: none, Valid: "tokens or unset, as there is an API_TOKENS_FILE"}
	case c.apiOpen && !isLoopback(c.APIAddr):
		return &SettingError{
			Name: "API_TOKENS", Value: none, Valid: "tokens, as API_ADDR is " + c.APIAddr + ", not of this host alone",
		}
	case !c.apiOpen && !given:
		return &SettingError{
			Name: "API_TOKENS", Value: apiUnset,
			Valid: "tokens of at least 16 bytes, separated by commas, or an API_TOKENS_FILE, as API_ADDR is " +
				c.APIAddr,
		}
	}
	return nil
}

// isLoopback reports whether only this host reaches an address. A name may lead elsewhere tomorrow.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	addr, addrErr := netip.ParseAddr(host)
	return err == nil && addrErr == nil && addr.IsLoopback()
}

// validListenAddr checks the address of a listener.
func validListenAddr(v string) bool {
	host, port, err := net.SplitHostPort(v)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && (host == "" || validHost(host))
}
