package adapter

// How Redis is told of topics: those of rooms many in one command.

import (
	"context"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
)

// topicsPerCommand bounds how long one command keeps Redis from others: some 0.2 ms.
const topicsPerCommand = 256

// send tells Redis that topics are wanted, or are no longer, in their order but for sharded channels, of which one
// command has many. Should Redis refuse some of a command's, the others are asked for again one by one: see overdue.
func (l *link) send(ctx context.Context, conn *redis.PubSub, topics []topic, wanted bool) error {
	var sharded []string
	for _, t := range topics {
		if t.kind == topicShard {
			sharded = append(sharded, t.name)
		}
	}
	for _, names := range l.commands(sharded) {
		if err := sendSharded(ctx, conn, names, wanted); err != nil {
			return err
		}
	}
	for _, t := range topics {
		if t.kind == topicShard {
			continue
		}
		if err := send(ctx, conn, t, wanted); err != nil {
			return err
		}
	}
	return nil
}

// commands are the sharded channels of each command. On a Redis Cluster all channels of one are of one slot.
func (l *link) commands(names []string) (list [][]string) {
	if l.route.master == "" && !l.route.s.bySlot.Load() {
		return slices.Collect(slices.Chunk(names, topicsPerCommand))
	}
	slots := make(map[int][]string)
	for _, name := range names {
		slots[slotOf(name)] = append(slots[slotOf(name)], name)
	}
	for _, slot := range slices.Sorted(maps.Keys(slots)) {
		list = slices.AppendSeq(list, slices.Chunk(slots[slot], topicsPerCommand))
	}
	return list
}

func sendSharded(ctx context.Context, conn *redis.PubSub, names []string, wanted bool) error {
	if wanted {
		return conn.SSubscribe(ctx, names...)
	}
	return conn.SUnsubscribe(ctx, names...)
}

func send(ctx context.Context, conn *redis.PubSub, t topic, wanted bool) error {
	switch {
	case t.kind == topicChannel && wanted:
		return conn.Subscribe(ctx, t.name)
	case t.kind == topicChannel:
		return conn.Unsubscribe(ctx, t.name)
	case wanted:
		return conn.PSubscribe(ctx, t.name)
	default:
		return conn.PUnsubscribe(ctx, t.name)
	}
}

// unconfirmed are the topics that Redis has not confirmed.
func (l *link) unconfirmed() []topic {
	s := l.route.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(l.pending))
}
