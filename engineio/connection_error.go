package engineio

// What the program is told of a request that is refused (Node.js: the event connection_error).

import "net/http"

// A ConnectionError is a request that is refused.
type ConnectionError struct {
	Request *http.Request // its RemoteAddr is what TrustedProxies make of it
	Code    ErrorCode
	Message string // what the client is told
	Context ErrorContext
}

// An ErrorContext says what about a request was wrong: of its fields those are set that have to do with it. As JSON it
// is what Node.js's server has as err.context.
type ErrorContext struct {
	Name              ErrorName `json:"name,omitempty"`
	Message           string    `json:"message,omitempty"` // of AllowRequest's error, or a limit's
	Transport         string    `json:"transport,omitempty"`
	PreviousTransport string    `json:"previousTransport,omitempty"` // that the session has
	SID               string    `json:"sid,omitempty"`
	Origin            string    `json:"origin,omitempty"`
	Method            string    `json:"method,omitempty"`
	Protocol          int       `json:"protocol,omitempty"` // the revision of Engine.IO; as in Node.js 3 for all but 4
	Err               error     `json:"-"`                  // what AllowRequest or GenerateID has returned
}

// An ErrorName tells reasons apart that have the same ErrorCode.
type ErrorName string

// The names, which are Node.js's but for the last: it does not refuse such a request itself.
const (
	NameInvalidOrigin     ErrorName = "INVALID_ORIGIN"            // Forbidden: CORS does not have the request's origin
	NameTransportMismatch ErrorName = "TRANSPORT_MISMATCH"        // BadRequest: the session has another transport
	NameHandshake         ErrorName = "TRANSPORT_HANDSHAKE_ERROR" // BadRequest: WebSocket without an upgrade
	NameIDGeneration      ErrorName = "ID_GENERATION_ERROR"       // BadRequest: see Options.GenerateID
	NameWebSocket         ErrorName = "INVALID_WEBSOCKET"         // BadRequest: a faulty WebSocket handshake
)

// about adds what was wrong to a refusal.
func (e *refusal) about(context ErrorContext) *refusal {
	e.context = context
	return e
}

// connectionError tells the program of a request that is refused.
func (srv *Server) connectionError(r *http.Request, e *refusal) {
	if f := srv.opts.OnConnectionError; f != nil {
		f(ConnectionError{Request: r, Code: e.code, Message: e.message, Context: e.context})
		return
	}
	srv.opts.Logger.Debug("request refused", "code", int(e.code), "reason", e.message,
		"method", r.Method, "query", r.URL.RawQuery, "remote", r.RemoteAddr)
}
