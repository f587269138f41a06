package presence

// The Store in Redis 6.2 or newer, and what speaks its commands. What a step does is in scripts/*.lua; which keys there
// are, and what is in them, in scripts/common.lua.

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisOptions configure a Store in Redis. The zero value is usable.
type RedisOptions struct {
	// Prefix begins the names of all keys, behind a brace: {<Prefix>#presence}. Default "socket.io".
	Prefix string
	// History is about how many changes the log keeps: a node that has been cut off for longer compares instead of
	// reading on. Default 10,000, about 1 MB.
	History int
}

// NewRedis returns a Store in Redis, or in Sentinel's or Cluster's. It does not close client. Redis must not evict keys
// (maxmemory-policy noeviction), and its user be allowed scripts (EVAL, EVALSHA) and INFO; without INFO presence does
// not notice all that Redis has lost when it was restarted with old data.
func NewRedis(client redis.UniversalClient, opts RedisOptions) Store {
	return &redisStore{
		client:  client,
		tag:     "{" + cmp.Or(opts.Prefix, "socket.io") + "#presence}",
		history: strconv.Itoa(cmp.Or(opts.History, defaultHistory)),
	}
}

const (
	defaultHistory = 10_000
	// clearBudget is how many items a beat clears: about a millisecond of Redis's time.
	clearBudget = 200
	// readWait is how long Read waits for an entry, and readCount how many it returns.
	readWait  = 500 * time.Millisecond
	readCount = 2000
	// callTimeout bounds a command.
	callTimeout = 2 * time.Second
	// scanCount is about how many items Redis looks at in one step of a scan.
	scanCount = 1000
)

//go:embed scripts/common.lua
var commonLua string

//go:embed scripts/beat.lua
var beatLua string

//go:embed scripts/write.lua
var writeLua string

//go:embed scripts/leave.lua
var leaveLua string

var (
	beatScript  = redis.NewScript(commonLua + beatLua)
	writeScript = redis.NewScript(commonLua + writeLua)
	leaveScript = redis.NewScript(commonLua + leaveLua)
)

// redisStore implements Store.
type redisStore struct {
	client  redis.UniversalClient
	tag     string // begins the keys' names
	history string
	clock   func() string // of tests; nil: Redis's

	mu     sync.Mutex  // of who writes, one at a time
	conn   *redis.Conn // nil where there is none
	run    string      // the id of the server that conn leads to; "" where it does not say
	beaten bool        // a beat has told the server's id on conn
}

var errUnverified = errors.New("presence: the connection to Redis was lost")

// server is the client of the one server that the keys are on.
func (s *redisStore) server(ctx context.Context) (*redis.Client, error) {
	switch c := s.client.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, s.tag)
	}
	return nil, fmt.Errorf("presence: a %T is no client of one Redis or of a Cluster", s.client)
}

// connect opens a connection of its own for what is written, where there is none. While it lasts the server cannot have
// begun anew, so nothing that was written on it is lost unnoticed: the id of the server, which is another one each time
// that it starts, is asked for first and told with each beat. mu is held, here and in drop and do.
func (s *redisStore) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	server, err := s.server(ctx)
	if err != nil {
		return err
	}
	conn := server.Conn()
	info, err := conn.Info(ctx, "server").Result()
	var refused redis.Error
	if err != nil && (!errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "NOPERM")) {
		_ = conn.Close()
		return err
	}
	_, after, _ := strings.Cut(info, "run_id:")
	s.conn, s.beaten = conn, false
	s.run, _, _ = strings.Cut(after, "\r")
	return nil
}

// drop gives up the connection.
func (s *redisStore) drop(ctx context.Context) {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	if c, ok := s.client.(*redis.ClusterClient); ok {
		c.ReloadState(ctx) // the slot may have moved
	}
}

// do runs a script on the connection, which is given up where that fails. The arguments behind the time and the log's
// length are the script's own.
func (s *redisStore) do(ctx context.Context, script *redis.Script, args ...any) (*reply, error) {
	all := append([]any{s.now(), s.history}, args...)
	list, err := script.Run(ctx, s.conn, []string{s.tag}, all...).Slice()
	if err != nil {
		s.drop(ctx)
		return nil, err
	}
	return &reply{list: list}, nil
}

func (s *redisStore) now() string {
	if s.clock == nil {
		return ""
	}
	return s.clock()
}

// Beat implements Store.
func (s *redisStore) Beat(ctx context.Context, b Beat) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.connect(ctx); err != nil {
		return Standing{}, err
	}
	r, err := s.do(ctx, beatScript, b.Generation, flag(b.Begin), b.Lease.Milliseconds(),
		b.Seen.Epoch, b.Seen.Number, flag(b.Doubt), s.run, clearBudget)
	if err != nil {
		return Standing{}, err
	}
	s.beaten = true
	standing := Standing{
		Known:    r.uint() == 1,
		Last:     ID{r.uint(), r.uint()},
		Settling: time.Duration(r.uint()) * time.Millisecond,
		Users:    int(r.uint()), Nodes: int(r.uint()), Cleared: int(r.uint()), More: r.uint() == 1,
	}
	return standing, r.err
}

// Write implements Store.
func (s *redisStore) Write(ctx context.Context, b Batch) (Written, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	args := make([]any, 0, 3+3*len(b.Ops))
	args = append(args, b.Generation, b.Number, b.Epoch)
	for _, op := range b.Ops {
		args = append(args, string(op.Kind), op.Item.pack(), op.Since.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || !s.beaten {
		return Written{}, errUnverified
	}
	r, err := s.do(ctx, writeScript, args...)
	if err != nil {
		return Written{}, err
	}
	w := Written{Outcome: r.text(), Last: ID{r.uint(), r.uint()}}
	if w.Outcome == outcomeDone {
		w.Since = make([]ID, len(b.Ops))
		for i := range w.Since {
			w.Since[i] = r.id()
		}
	}
	return w, r.err
}

// Leave implements Store.
func (s *redisStore) Leave(ctx context.Context, generation string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.drop(ctx) // another node's beat opens one again
	if err := s.connect(ctx); err != nil {
		return err
	}
	_, err := s.do(ctx, leaveScript, generation, d.Milliseconds())
	return err
}

// Read implements Store.
func (s *redisStore) Read(ctx context.Context, after ID) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+readWait)
	defer cancel()
	streams, err := s.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{s.tag + ":log", cmp.Or(after.String(), "0-0")}, Count: readCount, Block: readWait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, stream := range streams {
		for _, m := range stream.Messages {
			text, _ := m.Values["c"].(string)
			e, err := parseEntry(m.ID, text)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// parseEntry reads what say in scripts/common.lua has written.
func parseEntry(id, text string) (Entry, error) {
	number, err := parseID(id)
	since, rest, ok1 := strings.Cut(text, "|")
	generation, item, ok2 := strings.Cut(rest, "|")
	if err != nil || !ok1 || !ok2 || since == "" {
		return Entry{}, fmt.Errorf("presence: the log has %q, which makes no sense", text)
	}
	e := Entry{ID: number, Kind: since[0], Generation: generation}
	if e.Since, err = parseID(since[1:]); err != nil {
		return Entry{}, err
	}
	if e.Kind == entryOnline || e.Kind == entryOffline {
		if e.Item, ok1 = unpackItem(item); !ok1 {
			return Entry{}, fmt.Errorf("presence: the log has the item %q, which makes no sense", item)
		}
	}
	return e, nil
}

// A reply is what a script has answered, read from the front.
type reply struct {
	list []any
	err  error // the first
}

func (r *reply) next() any {
	if len(r.list) == 0 {
		r.err = cmp.Or(r.err, errReply)
		return nil
	}
	v := r.list[0]
	r.list = r.list[1:]
	return v
}

var errReply = errors.New("presence: a script has answered something else")

func (r *reply) text() string {
	text, ok := r.next().(string)
	if !ok {
		r.err = cmp.Or(r.err, errReply)
	}
	return text
}

func (r *reply) uint() uint64 {
	switch v := r.next().(type) {
	case int64:
		return uint64(v)
	case string:
		n, err := strconv.ParseUint(v, 10, 64)
		r.err = cmp.Or(r.err, err)
		return n
	}
	r.err = cmp.Or(r.err, errReply)
	return 0
}

func (r *reply) id() ID {
	id, err := parseID(r.text())
	r.err = cmp.Or(r.err, err)
	return id
}

func flag(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
