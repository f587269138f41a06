package adapter

// Reading streams: one goroutine for each stream, which hands entries to the namespaces that they are for.

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
)

// streams are the readers of all streams, which the namespaces share.
type streams struct {
	redis *Redis
	opts  StreamsOptions

	questions *batchqueue.Queue[question] // what recovery asks Redis
	alone     chan struct{}               // has as many in it as ask again

	mu      sync.Mutex
	readers map[string]*streamReader // by stream
	bounds  map[string]*streamBound  // by stream
}

// streamReader reads one stream for the namespaces that are in it.
type streamReader struct {
	stream string

	// Guarded by streams.mu.
	last  string                   // id of the last entry that was handed on; "" until it is known where to begin
	buses map[string][]*streamsBus // by namespace; the lists are replaced, never changed
}

// boundOf is the bound of a stream.
func (s *streams) boundOf(stream string) *streamBound {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bounds[stream]
	if b == nil {
		b = newStreamBound(s.opts.MaxLen, s.opts.MaxBytes)
		s.bounds[stream] = b
	}
	return b
}

func (s *streams) add(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reader := s.readers[b.stream]
	if reader == nil {
		reader = &streamReader{stream: b.stream, buses: make(map[string][]*streamsBus)}
		s.readers[b.stream] = reader
		s.redis.background.Go(func() { s.read(reader) })
	}
	name := b.adapter.Namespace().Name()
	reader.buses[name] = append(slices.Clip(reader.buses[name]), b)
	if reader.last != "" {
		b.begin(reader.last)
	}
}

func (s *streams) remove(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buses, name := s.readers[b.stream].buses, b.adapter.Namespace().Name()
	left := slices.DeleteFunc(slices.Clone(buses[name]), func(other *streamsBus) bool { return other == b })
	if len(left) > 0 {
		buses[name] = left
	} else {
		delete(buses, name)
	}
	if b.subscription != nil {
		b.subscription.end(b.topics()...)
	}
}

// read reads a stream, from its present end on, until the Redis is closed.
func (s *streams) read(r *streamReader) {
	retry := s.redis.newBackoff()
	for last := ""; s.redis.ctx.Err() == nil; {
		var err error
		if last == "" {
			if last, err = s.end(r.stream); err == nil {
				s.begin(r, last)
			}
		} else if last, err = s.readSome(r, last); err != nil {
			s.wait(&retry, r, err)
			// A stream that was lost may begin again before last: entries were not on disk yet, or the clock is behind.
			if end, err := s.end(r.stream); err == nil && recovery.Less(end, last) {
				last = end
			}
			continue
		}
		if err != nil {
			s.wait(&retry, r, err)
			continue
		}
		retry.reset()
	}
}

func (s *streams) wait(retry *backoff, r *streamReader, err error) {
	if s.redis.ctx.Err() != nil {
		return
	}
	s.redis.throttled.Warn("stream cannot be read; trying on", "redis", s.redis.name, "stream", r.stream, "error", err)
	s.redis.reload(s.redis.client)
	retry.wait(s.redis.ctx)
}

// begin subscribes the namespaces of a stream, now that it is known from where on they get its entries. Not before: a
// server that counts as connected must miss none.
func (s *streams) begin(r *streamReader, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.last = last
	for _, buses := range r.buses {
		for _, b := range buses {
			b.begin(last)
		}
	}
}

// end is the id of a stream's last entry.
func (s *streams) end(stream string) (string, error) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, deadAfter)
	defer cancel()
	entries, err := s.redis.client.XRevRangeN(ctx, stream, "+", "-", 1).Result()
	switch {
	case err != nil:
		return "", err
	case len(entries) == 0:
		return "0-0", nil
	}
	return entries[0].ID, nil
}

// readSome waits for entries behind last, hands them on, and returns the id to go on from.
func (s *streams) readSome(r *streamReader, last string) (string, error) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, s.opts.BlockTime+deadAfter)
	defer cancel()
	found, err := s.redis.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{r.stream, last}, Count: s.opts.ReadCount, Block: s.opts.BlockTime,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	bound := s.boundOf(r.stream)
	for _, f := range found {
		for _, entry := range f.Messages {
			last = entry.ID
			nsp, _ := entry.Values["nsp"].(string)
			data, _ := entry.Values["data"].(string)
			bound.saw(len(data))
			s.mu.Lock()
			r.last = last
			buses := r.buses[nsp]
			s.mu.Unlock()
			for _, b := range buses {
				s.redis.stats.received.Add(1)
				b.take(entry)
			}
		}
	}
	return last, nil
}
