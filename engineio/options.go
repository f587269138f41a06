package engineio

import (
	"log/slog"
	"net/http"
	"time"
)

// Options configure a Server. The zero value is usable: every field's zero is Node's default, which the comment names.
type Options struct {
	// Path is where the server answers; requests elsewhere get 404. It ends in a slash. Default "/engine.io/".
	Path string
	// Transports that a client may use, "polling" and "websocket". Default both.
	Transports []string
	// PingInterval is the time from one pong to the next ping. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a ping before its session is closed. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take from its request to its end. Default 10 s.
	UpgradeTimeout time.Duration
	// MaxHTTPBufferSize is the largest message, or polling body, in bytes that a client may send. Default 1,000,000.
	MaxHTTPBufferSize int
	// NoUpgrades keeps polling sessions from upgrading to WebSocket (Node: allowUpgrades: false).
	NoUpgrades bool
	// AllowRequest, if not nil, is asked before a session is opened or a transport upgraded; an error refuses the
	// request with 403, code 4 and the error's text.
	AllowRequest func(*http.Request) error
	// CORS, if not nil, answers preflight requests and sets the Access-Control headers. Default none.
	CORS *CORS
	// Cookie, if not nil, is the template of a cookie that the handshake's answer sets to the session id. Default none.
	Cookie *http.Cookie
	// HTTPCompression compresses polling answers of at least this many bytes for clients that accept it. Default 1024;
	// negative: never.
	HTTPCompression int
	// PerMessageDeflate, if not nil, offers the WebSocket extension permessage-deflate (RFC 7692). Default none.
	PerMessageDeflate *PerMessageDeflate
	// MaxQueueBytes bounds what may wait for one client, in bytes. Past it volatile messages are dropped, then the
	// session is closed with ReasonSlowClient. Default 16 MiB. (Node has no bound.)
	MaxQueueBytes int
	// Logger gets refused handshakes and closed slow clients. Default slog.Default().
	Logger *slog.Logger
}

// PerMessageDeflate configures the WebSocket extension permessage-deflate.
type PerMessageDeflate struct {
	// Threshold is the size in bytes from which a message is compressed. Default 1024.
	Threshold int
	// Level is the compression level of compress/flate. Default flate.DefaultCompression.
	Level int
}

// CORS configures cross-origin resource sharing, with the options and the answers of the npm package cors.
type CORS struct {
	// Origins that may use the server. "*" or none: any.
	Origins []string
	// Methods are listed in a preflight's answer. Default GET,HEAD,PUT,PATCH,POST,DELETE.
	Methods []string
	// AllowedHeaders are listed in a preflight's answer. Default: those that the request asks for.
	AllowedHeaders []string
	// ExposedHeaders may be read by the page. Default none.
	ExposedHeaders []string
	// Credentials allows requests with cookies.
	Credentials bool
	// MaxAge is how long a preflight's answer may be cached. Default: no header.
	MaxAge time.Duration
}

// Handle sets the Access-Control headers of an answer to r. It reports true if r was a preflight request, which it has
// then answered.
func (c *CORS) Handle(w http.ResponseWriter, r *http.Request) bool { panic("stub") }
