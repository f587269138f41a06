package client

// An upgrade moves a polling session to WebSocket (Engine.IO protocol, "Upgrade"): the client probes a new connection
// with "2probe", the server answers "3probe" and ends the poll, the client ends its polling and says "5". What is
// queued meanwhile goes the new way, so nothing is lost or overtaken.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const probeData = "probe"

var (
	errProbe        = errors.New("the server does not answer the probe as the protocol has it")
	errProbeTimeout = errors.New("the upgrade takes too long")
)

// tryUpgrade opens the connection of a probe and sends the first packet.
func (s *Session) tryUpgrade() {
	ctx, cancel := context.WithTimeout(s.ctx, s.endpoint.opts.ProbeTimeout)
	c, err := s.endpoint.dialWebSocket(ctx, s.ID())
	cancel()
	s.mu.Lock()
	if s.phase != phaseOpen || err != nil { // a session that is closing wants no other transport
		if c != nil {
			_ = c.Close()
		}
		if err != nil && s.phase == phaseOpen {
			s.upgradeFailed(err)
		}
		s.leave()
		s.mu.Unlock()
		return
	}
	t := newWebSocket(s)
	t.probing = true
	s.probe = t // which takes over the count of this goroutine
	s.mu.Unlock()

	t.start(c)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == t {
		t.linger = time.AfterFunc(s.endpoint.opts.ProbeTimeout, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.probe == t {
				s.probeFailed(errProbeTimeout)
				t.conn.Close()
			}
		})
		t.write(wsframe.AppendMasked(nil, ws.OpText, newMask(), []byte{byte(packetPing)}, []byte(probeData)), 0)
	}
}

// probeAnswered takes what a server sends on a probe: once the right answer, and nothing more before the upgrade.
func (s *Session) probeAnswered(t *webSocket, p packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != t {
		return errOver
	}
	if s.leaving || p.kind != packetPong || string(p.data) != probeData {
		return errProbe
	}
	s.leaving = true
	if poll, ok := s.transport.(*polling); ok {
		poll.look()
	}
	s.leavePolling()
	return nil
}

// leavePolling goes over to the probe that has been answered, once no request is under way any more. mu is held.
func (s *Session) leavePolling() {
	poll, ok := s.transport.(*polling)
	if !ok || !s.leaving || poll.polls || poll.posting || s.phase == phaseClosed {
		return
	}
	poll.left = true
	poll.client.CloseIdleConnections()
	s.cancel()
	s.ctx, s.cancel = nil, nil // they hold more than they look
	t := s.probe
	s.transport, s.probe, s.leaving, t.probing = t, nil, false, false
	t.linger.Stop()
	t.linger = nil
	t.write(wsframe.AppendMasked(nil, ws.OpText, newMask(), []byte{byte(packetUpgrade)}), 0)
	if s.phase == phaseClosed { // the connection has gone
		return
	}
	t.flush()
	s.tellUpgrade(nil)
	if s.phase == phaseClosing && s.queued == 0 {
		s.finishClose()
	}
}

// probeFailed goes on without the probe. mu is held.
func (s *Session) probeFailed(err error) {
	t := s.probe
	s.probe, t.left = nil, true
	if t.linger != nil {
		t.linger.Stop()
	}
	if s.leaving {
		s.leaving = false
		s.transport.(*polling).restart()
	}
	s.upgradeFailed(err)
	if s.phase == phaseClosing && s.queued == 0 {
		s.finishClose()
	}
}

func (s *Session) upgradeFailed(err error) {
	s.tellUpgrade(fmt.Errorf("engineio: upgrade: %w", err))
}

// tellUpgrade tells the program, without the lock.
func (s *Session) tellUpgrade(err error) {
	f := s.endpoint.opts.OnUpgrade
	if f == nil {
		return
	}
	s.enter()
	name := s.transport.name()
	go func() {
		f(s, name, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave()
	}()
}
