package adapter_test

// What a Redis may be opened with: TLS, and a client that the program has, with its credentials.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// certificates writes a certificate for 127.0.0.1 that stands for itself, and its key, to files.
func certificates(t *testing.T) (certFile, keyFile string, config *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
}

// A Redis that wants a client's certificate gets it, and is known by the authority that the program names.
func TestTLS(t *testing.T) {
	cert, key, config := certificates(t)
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	fleet.StartRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
	opts := adapter.Options{TLS: config}
	one, other := fleet.StartGo(t, "rediss://"+addr, opts), fleet.StartGo(t, "rediss://"+addr, opts)
	pass(t, one, other)

	client := redis.NewClient(&redis.Options{Addr: addr, TLSConfig: config})
	t.Cleanup(func() { client.Close() })
	r, err := adapter.New(client, adapter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Name() != "rediss://"+addr {
		t.Errorf("its name is %s", r.Name())
	}
	pass(t, one, fleet.StartGoOn(t, r, r.PubSub()))

	stranger := open(t, "rediss://"+addr, adapter.Options{})
	defer stranger.Close(context.Background())
	if _, err := stranger.Client().Ping(t.Context()).Result(); err == nil {
		t.Error("an unknown authority is taken")
	}
	if _, err := adapter.Open("redis://"+addr, opts); err == nil {
		t.Error("a configuration for TLS is taken for an address without it")
	}
}

// pass has a broadcast go from one server to a client of the other.
func pass(t *testing.T, from, to *fleet.GoNode) {
	t.Helper()
	c := fleet.Dial(t, to.URL, "/")
	if err := from.Emit("passed"); err != nil {
		t.Fatal(err)
	}
	c.Expect(`["passed"]`)
}

// streamed is a provider of credentials that does not change them.
type streamed struct{ password string }

func (s streamed) Subscribe(auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	return auth.NewBasicCredentials("default", s.password), func() error { return nil }, nil
}

// A program's client lends its credentials, and where these are fetched, each connection fetches them anew.
func TestNewFromAClient(t *testing.T) {
	server := fleet.StartRedis(t, "--requirepass", "first")
	server.Password = "first"
	var password atomic.Value
	password.Store("first")
	for name, options := range map[string]redis.Options{
		"a password": {Password: "first"},
		"a provider": {CredentialsProviderContext: func(context.Context) (string, string, error) {
			return "default", password.Load().(string), nil
		}},
		"a provider that streams": {StreamingCredentialsProvider: streamed{"first"}},
	} {
		t.Run(name, func(t *testing.T) {
			options.Addr = server.Addr
			client := redis.NewClient(&options)
			t.Cleanup(func() { client.Close() })
			var nodes [2]*fleet.GoNode
			for i := range nodes {
				r, err := adapter.New(client, adapter.Options{})
				if err != nil {
					t.Fatal(err)
				}
				nodes[i] = fleet.StartGoOn(t, r, r.PubSub())
			}
			pass(t, nodes[0], nodes[1])
			if name != "a provider" {
				return
			}
			server.Do("CONFIG", "SET", "requirepass", "second")
			password.Store("second")
			server.Password = "second"
			before := nodes[1].Redis.Stats().Connects
			server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			server.Do("CLIENT", "KILL", "TYPE", "pubsub")
			for deadline := time.Now().Add(fleet.Patience); nodes[1].Redis.Stats().Connects == before; {
				if time.Sleep(5 * time.Millisecond); time.Now().After(deadline) {
					t.Fatal("it does not connect again")
				}
			}
			nodes[0].WaitUp(t, true, fleet.Patience)
			nodes[1].WaitUp(t, true, fleet.Patience)
			pass(t, nodes[0], nodes[1])
			server.Do("CONFIG", "SET", "requirepass", "first")
			password.Store("first")
			server.Password = "first"
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Errorf("the program's own client is closed: %v", err)
			}
		})
	}
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	if _, err := adapter.New(ring, adapter.Options{}); err == nil {
		t.Error("a ring is taken")
	}
}

func TestNewFromAClusterClient(t *testing.T) {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: startRedisCluster(t, 3)})
	t.Cleanup(func() { client.Close() })
	var nodes [2]*fleet.GoNode
	for i := range nodes {
		r, err := adapter.New(client, adapter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = fleet.StartGoOn(t, r, r.Sharded(adapter.Static))
	}
	pass(t, nodes[0], nodes[1])
}

// A server that says that its Redis is up has all its subscriptions: what another one says from then on comes.
func TestUpIsSubscribed(t *testing.T) {
	addrs := startRedisCluster(t, 3)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { client.Close() })
	for range 20 {
		r, err := adapter.New(client, adapter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		io := socketio.NewServer(socketio.Options{Adapter: r.Sharded(adapter.Static)})
		for changed := r.Changed(); !r.Stats().Up; changed = r.Changed() {
			<-changed
		}
		n := int64(0)
		err = client.ForEachMaster(t.Context(), func(ctx context.Context, master *redis.Client) error {
			of, err := master.PubSubShardNumSub(ctx, "socket.io#/#").Result()
			atomic.AddInt64(&n, of["socket.io#/#"])
			return err
		})
		if n != 1 || err != nil || r.Stats().Connects != 1 {
			t.Errorf("up with %d subscriptions to the namespace, %v, %+v", n, err, r.Stats())
		}
		ctx, cancel := context.WithTimeout(t.Context(), fleet.Patience)
		if err := errors.Join(io.Shutdown(ctx), r.Close(ctx)); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
