package engineio

// The options with which the fast listener is compared with net/http: each alone, and many together.

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp/plaintest"
)

// listenerOptions are the options that requests may meet.
var listenerOptions = []struct {
	name string
	set  func(*Options)
}{
	{"any origin", func(o *Options) { corsOf(o) }},
	{"any origin with cookies", func(o *Options) { corsOf(o).Credentials = true }},
	{"origins", func(o *Options) { corsOf(o).Origins = []string{"https://a.example", "null"} }},
	{"patterns", func(o *Options) {
		corsOf(o).OriginPatterns = []*regexp.Regexp{regexp.MustCompile(`^https://[a-z]+\.pattern\.example$`)}
	}},
	{"origins by function", func(o *Options) {
		corsOf(o).AllowOrigin = func(origin string) bool { return origin == "https://asked.example" }
	}},
	{"lists of CORS", func(o *Options) {
		c := corsOf(o)
		c.ExposedHeaders, c.AllowedHeaders, c.Methods = []string{"X-A", "X-B"}, []string{"X-C"}, []string{"GET"}
		c.MaxAge = time.Hour
	}},
	{"trusted proxy", func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }},
	{"cookie", func(o *Options) { o.Cookie = &http.Cookie{HttpOnly: true} }},
	{"AllowRequest", func(o *Options) {
		o.AllowRequest = func(r *http.Request) error {
			if r.Header.Get("X-Refuse") != "" || r.Header.Get("X") != "" {
				return errors.New("not with " + describe(r))
			}
			return nil
		}
	}},
	{"GenerateID", func(o *Options) {
		o.GenerateID = func(r *http.Request) (string, error) {
			if r.Header.Get("Cookie") != "" {
				return "", errors.New("no id for " + describe(r))
			}
			return NewID(), nil
		}
	}},
	{"header hooks", func(o *Options) {
		o.OnInitialHeaders = func(h http.Header, r *http.Request) { h.Add("X-First", describe(r)) }
		o.OnHeaders = func(h http.Header, r *http.Request) { h.Add("X-Every", describe(r)); h.Del("Vary") }
	}},
	{"compression", func(o *Options) { o.PerMessageDeflate = &PerMessageDeflate{} }},
	{"compression with context", func(o *Options) { o.PerMessageDeflate = &PerMessageDeflate{ContextTakeover: true} }},
	{"polling only", func(o *Options) { o.Transports = []string{transportPolling} }},
	{"WebSocket only", func(o *Options) { o.Transports = []string{transportWebSocket} }},
	{"no upgrades", func(o *Options) { o.NoUpgrades = true }},
	{"revision 3", func(o *Options) { o.AllowEIO3 = true }},
	{"short handshakes", func(o *Options) { o.MaxHandshakeBytes = 120 }},
	{"short bodies", func(o *Options) { o.MaxHTTPBufferSize = 4 }},
}

func corsOf(o *Options) *CORS {
	if o.CORS == nil {
		o.CORS = new(CORS)
	}
	return o.CORS
}

// describe says all that the program can see of a request, but for ids, ports, and what it would have to read.
func describe(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	all := fmt.Sprint(r.Method, r.RequestURI, r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, host, r.Header,
		r.ContentLength, r.TransferEncoding, r.Trailer, r.Close, r.TLS, r.Body == http.NoBody, r.Form)
	if id := SessionID(r); len(id) == len(plaintest.SID) {
		all = strings.ReplaceAll(all, id, "SID")
	}
	return fmt.Sprintf("%q", all)
}

// optionSets is how many sets of options there are: none, each alone, and some together.
const optionSets = 64

// optionSet is one of the sets of options.
func optionSet(n int) (name string, opts Options) {
	set := func(i int) {
		name += listenerOptions[i].name + ", "
		listenerOptions[i].set(&opts)
	}
	switch {
	case n == 0:
	case n <= len(listenerOptions):
		set(n - 1)
	default:
		chosen := rand.New(rand.NewPCG(uint64(n), 0))
		for i := range listenerOptions {
			if chosen.IntN(3) == 0 {
				set(i)
			}
		}
	}
	return strings.TrimSuffix(name, ", "), opts
}

// A fuzzedPair is a server on the fast listener, and one behind net/http, with the same options.
type fuzzedPair struct{ fast, slow *fuzzed }

func startPair(t testing.TB, opts Options) fuzzedPair {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	piped := newPipeListener()
	return fuzzedPair{
		fast: startFuzzed(t, opts, func(srv *Server) net.Listener { return srv.Listener(l) }, dialer(l.Addr())),
		slow: startFuzzed(t, opts, func(*Server) net.Listener { return piped }, piped.dial),
	}
}

// compare sends both the same, cut at the same places.
func (p fuzzedPair) compare(t *testing.T, sent string, cuts []int) {
	t.Helper()
	began := time.Now()
	answered := make(chan string)
	go func() {
		want, _ := p.slow.converse(t, sent, cuts) // nothing is lost in a pipe
		answered <- want
	}()
	got, whole := p.fast.converse(t, sent, cuts)
	want := <-answered
	if time.Since(began) > stood {
		t.Skip("the machine stood still, and the servers have given up")
	}
	if whole && got != want {
		t.Errorf("%q, cut at %d:\ngot  %s\nwant %s", sent, cuts, got, want)
	}
}

// Whatever options are set, the fast listener answers as net/http does, and the program is asked and told the same.
func TestListenerOptions(t *testing.T) {
	for n := range optionSets {
		name, opts := optionSet(n)
		t.Run(name, func(t *testing.T) {
			pair := startPair(t, opts)
			for _, request := range plaintest.Requests {
				pair.compare(t, request, nil)
				pair.compare(t, request, []int{len(request) - 2})
			}
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 12 {
				choices := make([]byte, 30)
				for i := range choices {
					choices[i] = byte(random.Uint32())
				}
				sent, cuts := conversation(choices)
				pair.compare(t, sent, cuts)
			}
		})
	}
}

// conversation makes requests, and the places to cut them at.
func conversation(choices []byte) (sent string, cuts []int) {
	c := plaintest.Choices(choices)
	var requests strings.Builder
	for n := 1 + c.Next(4); n > 0; n-- {
		requests.WriteString(c.Request())
	}
	sent = requests.String()
	for n := c.Next(4); n > 0; n-- {
		cuts = append(cuts, c.Next(256)*len(sent)/256)
	}
	return sent, cuts
}

// tell notes what the program is told of a refused request.
func (h *fuzzed) tell(e ConnectionError) {
	e.Context.SID = "" // there are two of the server's
	h.note(fmt.Sprintf("told %d %q %+v of %s", e.Code, e.Message, e.Context, describe(e.Request)))
}

func (h *fuzzed) note(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, what)
}

// listen notes what the program is asked.
func (h *fuzzed) listen(o *Options) {
	if ask := o.AllowRequest; ask != nil {
		o.AllowRequest = func(r *http.Request) error {
			h.note("asked about " + describe(r))
			return ask(r)
		}
	}
	if ask := o.GenerateID; ask != nil {
		o.GenerateID = func(r *http.Request) (string, error) {
			h.note("asked for an id for " + describe(r))
			return ask(r)
		}
	}
	if ask := o.OnInitialHeaders; ask != nil {
		o.OnInitialHeaders = func(header http.Header, r *http.Request) {
			h.note("first headers " + describe(r))
			ask(header, r)
		}
		ask := o.OnHeaders
		o.OnHeaders = func(header http.Header, r *http.Request) {
			h.note("headers " + describe(r))
			ask(header, r)
		}
	}
	if o.CORS != nil && o.CORS.AllowOrigin != nil {
		ask, cors := o.CORS.AllowOrigin, *o.CORS
		o.CORS = &cors
		o.CORS.AllowOrigin = func(origin string) bool {
			h.note("asked about " + origin)
			return ask(origin)
		}
	}
}

// allTold are what the program has been told since it was asked last.
func (h *fuzzed) allTold() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := strings.Join(h.told, "\n")
	h.told = nil
	return told
}

// quiet is a logger of nothing.
var quiet = slog.New(slog.DiscardHandler)
