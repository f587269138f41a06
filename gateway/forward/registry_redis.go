package forward

// The registry in Redis. "{<prefix>#nodes}" is a set of tags, and "{<prefix>#nodes}:<tag>" a node's record, in JSON,
// which expires unless the node renews it. The braces keep all of them on one server of a Redis Cluster.

import (
	"context"
	"encoding/json"

	"github.com/redis/go-redis/v9"
)

// redisRegistry implements Registry.
type redisRegistry struct {
	client redis.UniversalClient
	index  string // the key of the set of tags
}

// NewRedisRegistry returns the Registry that is under a prefix in Redis. The client should try each command once.
func NewRedisRegistry(client redis.UniversalClient, prefix string) Registry {
	return &redisRegistry{client: client, index: "{" + prefix + "#nodes}"}
}

func (g *redisRegistry) key(tag string) string { return g.index + ":" + tag }

// Exchange implements Registry.
func (g *redisRegistry) Exchange(ctx context.Context, tag string, own *Record) (map[string]Record, error) {
	var tags *redis.StringSliceCmd
	_, err := g.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		if own != nil {
			text, err := json.Marshal(own)
			if err != nil {
				return err
			}
			p.Set(ctx, g.key(tag), text, RecordLifetime)
			p.SAdd(ctx, g.index, tag)
		}
		tags = p.SMembers(ctx, g.index)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var others, keys []string
	for _, other := range tags.Val() {
		if other != tag {
			others, keys = append(others, other), append(keys, g.key(other))
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := g.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	found := make(map[string]Record)
	var expired []any
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			expired = append(expired, others[i])
			continue
		}
		var r Record
		if json.Unmarshal([]byte(text), &r) != nil {
			r = Record{}
		}
		found[others[i]] = r
	}
	if len(expired) > 0 {
		// A node that is only late adds itself again.
		if err := g.client.SRem(ctx, g.index, expired...).Err(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Remove implements Registry.
func (g *redisRegistry) Remove(ctx context.Context, tag string) error {
	_, err := g.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, g.key(tag))
		p.SRem(ctx, g.index, tag)
		return nil
	})
	return err
}
