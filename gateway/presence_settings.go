package gateway

// The settings of presence.

import (
	"strings"
	"time"
)

// A PresenceConfig is what the environment says about presence.
type PresenceConfig struct {
	On     bool
	Grace  time.Duration // 0: none
	Lease  time.Duration
	Rooms  []string // beginnings of the names of rooms; none: no rooms
	Events bool
}

func (c *Config) presenceSettings() []Setting {
	lease := DurationSetting("PRESENCE_LEASE", "10s",
		"time after which the users of a node that is silent count as gone; the same on all nodes", &c.Presence.Lease)
	lease.Valid = "a duration from 2s to 24h, such as 10s or 10000 (milliseconds)"
	set := lease.Set
	lease.Set = func(v string) bool { return set(v) && c.Presence.Lease >= 2*time.Second }
	return []Setting{
		onOff("PRESENCE", "whether the nodes know together which users are online", &c.Presence.On),
		{
			Name: "PRESENCE_GRACE", Default: "5s",
			Meaning: "time for which a user who has lost the last connection still counts as online, so that a page " +
				"that is loaded again is no absence",
			Valid: "0, or a duration from 1ms to 24h, such as 5s or 5000 (milliseconds)",
			Set:   func(v string) bool { return v == "0" || parseDuration(v, &c.Presence.Grace) },
		},
		lease,
		{
			Name: "PRESENCE_ROOMS", Default: "none",
			Meaning: "rooms of the namespace / whose users are known too, by how their names begin",
			Valid:   "none, or beginnings of names, separated by commas, none of which is that of the rooms user:",
			Set:     func(v string) bool { return parsePresenceRooms(v, &c.Presence.Rooms) },
		},
		onOff("PRESENCE_EVENTS",
			"whether sockets that the service has put into the room presence get presence:online and "+
				"presence:offline, and those in presence:<room> presence:join and presence:leave", &c.Presence.Events),
	}
}

// onOff declares a setting that is off unless it is switched on.
func onOff(name, meaning string, to *bool) Setting {
	return Setting{
		Name: name, Default: "off", Meaning: meaning, Valid: "on or off",
		Set: func(v string) bool { *to = v == "on"; return v == "on" || v == "off" },
	}
}

// parsePresenceRooms reads PRESENCE_ROOMS.
func parsePresenceRooms(v string, to *[]string) bool {
	if v == "none" {
		return true
	}
	for prefix := range strings.SplitSeq(v, ",") {
		// Who is online would be known twice.
		if prefix = strings.TrimSpace(prefix); prefix == "" || strings.HasPrefix(prefix, userRoomPrefix) {
			return false
		}
		*to = append(*to, prefix)
	}
	return true
}
