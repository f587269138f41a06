package api

// The answers that Redis keeps for all nodes.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxRedisAnswers bounds what one node has Redis keep, in bytes.
	maxRedisAnswers = 256 << 20
	// redisTimeout is how long Redis may take.
	redisTimeout = 2 * time.Second
)

// redisAnswers are answers of all nodes. A key is taken by SET NX, for as long as it would be known: if the node dies
// meanwhile, nobody can tell what it has done, and nothing is done again.
type redisAnswers struct {
	client redis.UniversalClient
	prefix string
	budget keyBudget
}

func newRedisAnswers(client redis.UniversalClient, prefix string) *redisAnswers {
	return &redisAnswers{
		client: client, prefix: prefix + "-api-key:", budget: keyBudget{most: maxRedisAnswers},
	}
}

// keptInRedis is what stands in Redis.
type keptInRedis struct {
	answered
	Taker string `json:"taker,omitempty"` // of a request that is being carried out
}

// name is a key's in Redis, whatever bytes it has.
func (r *redisAnswers) name(key string) string {
	sum := sha256.Sum256([]byte(key))
	return r.prefix + hex.EncodeToString(sum[:])
}

func (r *redisAnswers) begin(ctx context.Context, key string, request [sha256.Size]byte) (*answered, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	if _, ok := r.budget.spend("", keyOverhead, time.Now()); !ok {
		return nil, errTooManyKeys
	}
	// go-redis sends a command again whose answer it has lost: the key may then be taken, by this request.
	taker := rand.Text()
	running, err := json.Marshal(keptInRedis{Taker: taker, answered: answered{Request: request}})
	if err != nil {
		return nil, err
	}
	for range 2 { // a key may expire between the two commands
		taken, err := r.client.SetNX(ctx, r.name(key), running, keyAge).Result()
		if err != nil {
			return nil, fmt.Errorf("the key cannot be taken in Redis: %w", err)
		}
		if taken {
			return nil, nil
		}
		text, err := r.client.Get(ctx, r.name(key)).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the key cannot be looked up in Redis: %w", err)
		}
		var before keptInRedis
		if err := json.Unmarshal(text, &before); err != nil {
			return nil, fmt.Errorf("what Redis keeps of the key is none of ours: %w", err)
		}
		if before.Taker == taker {
			return nil, nil
		}
		return &before.answered, nil
	}
	return nil, errors.New("the key comes and goes in Redis")
}

func (r *redisAnswers) finish(ctx context.Context, key string, answer *answered) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	text, err := json.Marshal(keptInRedis{answered: *answer})
	if err != nil {
		return err
	}
	r.budget.overspend("", len(text), time.Now())
	return r.client.Set(ctx, r.name(key), text, keyAge).Err()
}

func (r *redisAnswers) forget(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	return r.client.Del(ctx, r.name(key)).Err()
}
