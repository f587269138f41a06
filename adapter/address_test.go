package adapter

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ address, name, want string }{
		{"redis://localhost", "redis://localhost", "localhost:6379 user= password= db=0 tls="},
		{"redis://10.0.0.1:6380/3", "redis://10.0.0.1:6380/3", "10.0.0.1:6380 user= password= db=3 tls="},
		{"redis://[::1]:6380", "redis://[::1]:6380", "[::1]:6380 user= password= db=0 tls="},
		{"redis://:s%2Fcr%40t%2C@h:1/0", "redis://h:1/0", "h:1 user= password=s/cr@t, db=0 tls="},
		{"redis://ana:s@cret@h:1?db=2", "redis://h:1", "h:1 user=ana password=s@cret db=2 tls="},
		{"redis://ana:a,b@h", "redis://h", "h:6379 user=ana password=a,b db=0 tls="},
		{"rediss://ana:secret@h:1", "rediss://h:1", "h:1 user=ana password=secret db=0 tls=h"},
		{"unix:///run/redis.sock?db=1", "unix:///run/redis.sock", "/run/redis.sock user= password= db=1 tls="},
		{"unix://ana:secret@/run/redis.sock", "unix:///run/redis.sock",
			"/run/redis.sock user=ana password=secret db=0 tls="},
		{"redis://ana:secret@a:1,b:2,c", "redis://a:1,b:2,c", "cluster [a:1 b:2 c:6379] user=ana password=secret tls="},
		{"rediss://:secret@a:1?addr=b:2", "rediss://a:1", "cluster [a:1 b:2] user= password=secret tls=a"},
		{"redis://ana:secret@a:1,b:2/3?master_name=m&password=pw", "redis://a:1,b:2/3", "sentinel"},
	} {
		client, name, err := clientOf(c.address)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		got := ""
		switch client := client.(type) {
		case *redis.ClusterClient:
			o := client.Options()
			tls := ""
			if o.TLSConfig != nil {
				tls = o.TLSConfig.ServerName
			}
			got = fmt.Sprintf("cluster %v user=%s password=%s tls=%s", o.Addrs, o.Username, o.Password, tls)
			if o.DialTimeout != ioTimeout || o.ReadTimeout != ioTimeout {
				t.Errorf("%s: %+v", c.address, o)
			}
		case *redis.Client:
			o := client.Options()
			tls := ""
			if o.TLSConfig != nil {
				tls = o.TLSConfig.ServerName
			}
			got = fmt.Sprintf("%s user=%s password=%s db=%d tls=%s", o.Addr, o.Username, o.Password, o.DB, tls)
			if strings.HasPrefix(c.want, "sentinel") {
				got = "sentinel"
				if o.Password != "pw" || o.DB != 3 {
					t.Errorf("%s: %+v", c.address, o)
				}
			}
			if o.MaxRetries != 0 || o.DialTimeout != ioTimeout || o.ReadTimeout != ioTimeout {
				t.Errorf("%s: retries %d, time-outs %v %v", c.address, o.MaxRetries, o.DialTimeout, o.ReadTimeout)
			}
		}
		if name != c.name || got != c.want {
			t.Errorf("%s: %q %q, want %q %q", c.address, name, got, c.name, c.want)
		}
		client.Close()
	}
	client, _, err := clientOf("redis://h?dial_timeout=7s&read_timeout=8s")
	if err != nil {
		t.Fatal(err)
	}
	if o := client.(*redis.Client).Options(); o.DialTimeout != 7*time.Second || o.ReadTimeout != 8*time.Second {
		t.Errorf("time-outs of the address: %v %v", o.DialTimeout, o.ReadTimeout)
	}
	client.Close()
}

// TestAddressSecrets gives addresses that are wrong, with the password in all the places where people put it.
func TestAddressSecrets(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "S3CRET", "://:S3CRET@h", "http://:S3CRET@h", "postgres://u:S3CRET@h/db", "redis//:S3CRET@h",
		"redis:/:S3CRET@h",
		"redis://:S3CRET@h:port", "redis://u:S3CRET@h:1:2", "redis://u:S3CRET@[::1", "redis://u:S3CRET%zz@h",
		"redis://u:S3CRET@h/notanumber",
		"redis://u:S3CRET@h/1/2", "redis://u:S3CRET@h?db=x", "redis://u:S3CRET@h?unknown=1",
		"redis://u:S3CRET@a,b?unknown=1", "redis://u:S3CRET@a,b:x",
		"redis://u:S3CRET@h?master_name=m&unknown=1", "redis://h?master_name=m&password=S3CRET&db=x",
		"redis://h?password=S3CRET",
		"redis://h?master_name=m&sentinel_password=S3CRET&db=S3CRET", "unix://u:S3CRET@h?db=x",
		"redis://u:12/S3CRET@h", "redis://u:12#S3CRET@h", "redis://u:12?S3CRET@h",
		"redis://u:S3CRET/34@h", "redis://u:S3CRET#34@h:1/0", "redis://u:S3CRET?34@h", "redis://h#S3CRET",
		"redis://u:S3CRET\x00@h", "redis://u:S3CRET @h",
		"redis://u:S3CRET\n@h", "redis://S3CRET@h/x",
	} {
		_, err := Open(address, Options{})
		if err == nil {
			t.Errorf("%q was taken", address)
		} else if strings.Contains(err.Error(), "S3CRET") || !strings.HasPrefix(err.Error(), "adapter: ") {
			t.Errorf("%q: %v", address, err)
		}
		if err := CheckAddress(address); err == nil || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%q: %v", address, err)
		}
	}
	// Neither the name nor the log has it where the address is right and nobody is there.
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r, err := Open("redis://u:S3CRET@127.0.0.1:1/0", Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	r.events.subscribe(func(string, string) {}, topic{topicChannel, "x"})
	r.publish("x", []byte("y"))
	for r.Stats().ConnectErrors == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.Close(canceled()); err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("close: %v", err)
	}
	if s := log.String(); strings.Contains(s+r.Name(), "S3CRET") || !strings.Contains(s, "cannot be reached") ||
		r.Name() != "redis://127.0.0.1:1/0" {
		t.Errorf("%s: %s", r.Name(), s)
	}
}

// canceled returns a context that is over.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// clientOf makes a client to an address.
func clientOf(address string) (redis.UniversalClient, string, error) {
	newClient, name, err := newMaker(address, nil)
	if err != nil {
		return nil, "", err
	}
	return newClient(nil), name, nil
}
