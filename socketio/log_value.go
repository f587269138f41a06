package socketio

// How sockets and what belongs to them look in a log: what tells one from another, and nothing that is secret or
// personal (auth, headers, the private id of recovery), nor the internals that slog would print else.

import "log/slog"

var (
	_ slog.LogValuer = (*Socket)(nil)
	_ slog.LogValuer = (*RemoteSocket)(nil)
	_ slog.LogValuer = (*Event)(nil)
	_ slog.LogValuer = (*Namespace)(nil)
	_ slog.LogValuer = (*Handshake)(nil)
)

// LogValue is the socket's id and namespace.
func (s *Socket) LogValue() slog.Value {
	if s == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("id", s.id), slog.String("namespace", s.namespaceName()))
}

// String is the socket's id and namespace, which is all that package fmt prints of it.
func (s *Socket) String() string {
	if s == nil {
		return "<nil>"
	}
	return s.id + " of " + s.namespaceName()
}

// LogValue is the socket's id and namespace.
func (r *RemoteSocket) LogValue() slog.Value {
	if r == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("id", r.id), slog.String("namespace", r.op.namespace.name))
}

// LogValue is the event's name and its socket. The name is the client's choice.
func (e *Event) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("name", e.name), slog.Any("socket", e.socket))
}

// LogValue is the namespace's name.
func (ns *Namespace) LogValue() slog.Value {
	if ns == nil {
		return slog.Value{}
	}
	return slog.StringValue(ns.name)
}

// LogValue is when the connection began, and whether it is TLS. The address, the URL and what else the client sent may
// be personal; a program that logs those names them.
func (h *Handshake) LogValue() slog.Value {
	if h == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.Time("time", h.Time), slog.Bool("secure", h.Secure))
}
