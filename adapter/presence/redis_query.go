package presence

// What is asked of the Store in Redis. The state is asked for first, in the same pipeline.

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A state is what is to be known about a Store's answer.
type state struct {
	last    ID
	settled bool
}

// stateOf reads the state that is asked for by ask.
func stateOf(cmd *redis.SliceCmd) (state, error) {
	values, err := cmd.Result()
	if err != nil {
		return state{}, err
	}
	field := func(i int) uint64 {
		text, _ := values[i].(string)
		n, _ := strconv.ParseUint(text, 10, 64) // 0 where Redis is empty
		return n
	}
	return state{ID{field(0), field(1)}, field(0) != 0 && field(2) == 0}, nil
}

// asked runs a question behind one for the state.
func (s *redisStore) asked(ctx context.Context, question func(context.Context, redis.Pipeliner)) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var meta *redis.SliceCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		meta = p.HMGet(ctx, s.tag, "epoch", "number", "settled")
		if question != nil {
			question(ctx, p)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return state{}, err
	}
	return stateOf(meta)
}

func (st state) err() error {
	if st.settled {
		return nil
	}
	return errSettling
}

// Holds implements Store.
func (s *redisStore) Holds(ctx context.Context, room string, users []string) ([]bool, error) {
	var values *redis.SliceCmd
	st, err := s.asked(ctx, func(ctx context.Context, p redis.Pipeliner) {
		values = p.HMGet(ctx, s.in(room), users...)
	})
	if err != nil {
		return nil, err
	}
	holds := make([]bool, len(users))
	for i, v := range values.Val() {
		holds[i] = v != nil
	}
	return holds, st.err()
}

// Count implements Store.
func (s *redisStore) Count(ctx context.Context, room string) (int, error) {
	var n *redis.IntCmd
	st, err := s.asked(ctx, func(ctx context.Context, p redis.Pipeliner) { n = p.HLen(ctx, s.in(room)) })
	if err != nil {
		return 0, err
	}
	return int(n.Val()), st.err()
}

// Page implements Store.
func (s *redisStore) Page(ctx context.Context, room, cursor string, limit int) ([]string, string, error) {
	from, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var users []string
	for {
		var page *redis.ScanCmd
		st, err := s.asked(ctx, func(ctx context.Context, p redis.Pipeliner) {
			page = p.HScan(ctx, s.in(room), from, "", int64(limit))
		})
		if err != nil {
			return nil, "", err
		}
		pairs, next := page.Val()
		for i := 0; i < len(pairs); i += 2 {
			users = append(users, pairs[i])
		}
		if from = next; from == 0 {
			return users, "", st.err()
		}
		if len(users) > 0 {
			return users, strconv.FormatUint(from, 10), st.err()
		}
	}
}

// parseCursor reads the cursor of a page.
func parseCursor(cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	from, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return 0, ErrCursor
	}
	return from, nil
}

// Scan implements Store.
func (s *redisStore) Scan(ctx context.Context, f func(Item, ID)) (begin, end ID, err error) {
	st, err := s.asked(ctx, nil)
	if err == nil {
		err = st.err()
	}
	if err != nil {
		return ID{}, ID{}, err
	}
	if err := s.scanRoom(ctx, "", f); err != nil {
		return ID{}, ID{}, err
	}
	err = scan(ctx, s.client.SScan, s.tag+":rooms", func(rooms []string) error {
		for _, room := range rooms {
			if err := s.scanRoom(ctx, room, f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return ID{}, ID{}, err
	}
	after, err := s.asked(ctx, nil)
	if err == nil && (!after.settled || after.last.Epoch != st.last.Epoch) {
		err = errSettling
	}
	return st.last, after.last, err
}

// scanRoom calls f with everybody in a room.
func (s *redisStore) scanRoom(ctx context.Context, room string, f func(Item, ID)) error {
	return scan(ctx, s.client.HScan, s.in(room), func(pairs []string) error {
		for i := 0; i+1 < len(pairs); i += 2 {
			_, came, _ := strings.Cut(pairs[i+1], ":")
			since, err := parseID(came)
			if err != nil {
				return err
			}
			f(Item{Room: room, User: pairs[i]}, since)
		}
		return nil
	})
}

// scan goes through a hash or a set.
func scan(
	ctx context.Context, step func(context.Context, string, uint64, string, int64) *redis.ScanCmd, key string,
	f func([]string) error,
) error {
	for cursor := uint64(0); ; {
		stepCtx, cancel := context.WithTimeout(ctx, callTimeout)
		found, next, err := step(stepCtx, key, cursor, "", scanCount).Result()
		cancel()
		if err == nil {
			err = f(found)
		}
		if err != nil || next == 0 {
			return err
		}
		cursor = next
	}
}

// in is the key of a room.
func (s *redisStore) in(room string) string { return s.tag + ":in:" + room }
