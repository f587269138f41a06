//go:build linux

package workload

// Connecting with a token, against connecting without: servers with and without AUTH in turns, each client with a token
// of its own, and then the same clients again, as after a restart of a proxy in front.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// jwtTurns is how often each server is measured.
const jwtTurns = 3

func stormJWT(r *run) (err error) {
	folder, err := os.MkdirTemp("", "bench-jwt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	key, file, err := signingKey(folder)
	if err != nil {
		return err
	}
	tokens := make([]string, r.Storm+20)
	for i := range tokens {
		if tokens[i], err = es256(key, i); err != nil {
			return err
		}
	}
	var plain, first, again span
	for range jwtTurns {
		if err := r.stormOnce(peer.Options{}, nil, &plain); err != nil {
			return err
		}
		with := peer.Options{Env: []string{"AUTH=jwt", "AUTH_JWT_KEY_FILE=" + file}}
		if err := r.stormOnce(with, tokens, &first, &again); err != nil {
			return err
		}
	}
	r.spent(&first, len(r.Server))
	v, each := r.result.Values, float64(jwtTurns*r.Storm)
	v["connections_per_second"] = each / first.seconds
	v["seconds_to_last"] = first.seconds / jwtTurns
	r.each("cpu_per_connection", &first, each)
	v["plain_cpu_per_connection"] = plain.serverCPU / each
	v["again_cpu_per_connection"] = again.serverCPU / each
	v["jwt_ratio"] = first.serverCPU / plain.serverCPU
	v["jwt_again_ratio"] = again.serverCPU / plain.serverCPU
	return nil
}

// stormOnce starts a server, and has all clients connect for each span, to which it adds what that took. They have
// tokens, if there are any.
func (r *run) stormOnce(o peer.Options, tokens []string, spans ...*span) error {
	addr, err := r.start(o)
	if err != nil {
		return err
	}
	defer r.stop()
	specs := []load.Spec{r.chat(addr)}
	if tokens != nil {
		specs = nil
		for _, token := range tokens {
			spec := r.chat(addr)
			spec.Auth = `{"token":"` + token + `"}`
			specs = append(specs, spec)
		}
	}
	last := max(len(specs)-20, 0)
	warm, err := r.connect(0, 20, specs[last:]...)
	if err != nil {
		return err
	}
	load.CloseAll(warm)
	for _, sum := range spans {
		if err := r.loop.Sleep(r.ctx, 300*time.Millisecond); err != nil {
			return err
		}
		s, err := r.begin()
		if err != nil {
			return err
		}
		clients, err := r.connect(len(warm), r.Storm, specs[:max(last, 1)]...)
		if err != nil {
			return err
		}
		if err := r.end(s); err != nil {
			return err
		}
		load.CloseAll(clients)
		sum.add(s)
	}
	return nil
}

// signingKey makes a key, whose public half it writes to a file.
func signingKey(folder string) (key *ecdsa.PrivateKey, file string, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, "", err
	}
	text, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	file = filepath.Join(folder, "key.pem")
	return key, file, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: text}), 0o600)
}

// es256 is a token (RFC 7515, section 3.1) with about as many claims as those of identity providers.
func es256(key *ecdsa.PrivateKey, n int) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	body := fmt.Sprintf(`{"iss":"https://issuer.example/realms/main","sub":"user-%d","aud":["chat","account"],`+
		`"exp":%d,"iat":%d,"jti":"0b5f3a9e-%d","azp":"frontend","scope":"openid profile email","name":"Ana",`+
		`"email":"ana@example.com"}`, n, now+3600, now, n)
	text := encode([]byte(`{"alg":"ES256","typ":"JWT","kid":"main"}`)) + "." + encode([]byte(body))
	hash := sha256.Sum256([]byte(text))
	x, y, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	x.FillBytes(signature[:32])
	y.FillBytes(signature[32:])
	return text + "." + encode(signature), nil
}
