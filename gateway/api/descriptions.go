package api

// What the description says of fields and parameters. It stands here, and not in the tags of the fields, for want of
// room there.

import (
	"cmp"

	"github.com/danielgtaylor/huma/v2"
)

// descriptions are those of schemas' properties, as Schema.property, and of parameters by their name; "operation name"
// is for one that is another there.
var descriptions = map[string]string{
	"Emission.namespace": "Namespace whose clients are meant.",
	"Emission.event":     "Name of the event.",
	"Emission.args":      "Arguments of the event, any JSON.",
	"Emission.binary": "JSON Pointers (RFC 6901) into args: the base64 text at each reaches clients as a " +
		"binary value.",
	"Emission.to":           "Rooms whose members get the event, each once. The id of a socket is a room.",
	"Emission.users":        "Users all of whose sockets get the event.",
	"Emission.all":          "Everybody in the namespace gets the event; in place of to and users.",
	"Emission.except":       "Rooms whose members do not get it.",
	"Emission.volatile":     "Clients that do not keep up may go without it.",
	"AckEmission.timeout":   "Milliseconds that clients have to answer.",
	"Batch.emissions":       "What is sent, in this order.",
	"Acked.answers":         "What each client has answered, in the order in which that came.",
	"Answer.args":           "Arguments of the acknowledgement; base64 text stands for binary values.",
	"Answer.binary":         "JSON Pointers into args, to where that is.",
	"AckIncomplete.timeout": "Whether the time was over before all had answered.",
	"AckIncomplete.clients": "Clients that were asked and have not answered, as far as nodes have said whom they " +
		"asked.",
	"AckIncomplete.disconnected": "Those of them that went away meanwhile.",
	"AckIncomplete.dropped":      "Those that have answered more than this API passes on.",
	"Selection.namespace":        "Namespace whose sockets are meant.",
	"Selection.in":               "Rooms whose members are meant. The id of a socket is a room.",
	"Selection.users":            "Users all of whose sockets are meant.",
	"Selection.all":              "All sockets of the namespace are meant; in place of in and users.",
	"Selection.except":           "Rooms whose members are not meant.",
	"Move.rooms":                 "The rooms that they are to be in, or to be in no longer.",
	"Disconnection.close":        "Close the clients' connections, with the sockets of their other namespaces.",
	"Sockets.sockets":            "In the order of their ids.",
	"Sockets.next":               "The cursor of the next page; there is none after the last.",
	"Socket.id":                  "Id of the socket, which is also a room with the socket in it.",
	"Socket.user":                "User whose socket it is.",
	"Socket.rooms":               "Rooms that it is in, but for its own id. A list shows the first 100.",
	"Socket.roomCount":           "How many they are.",
	"Socket.data":                "Data that the server keeps with it; base64 text stands for binary values.",
	"Handshake.time":             "When the connection began.",
	"Handshake.address":          "IP address of the client.",
	"Handshake.secure":           "Whether the connection is TLS, as the gateway sees it.",
	"Handshake.origin":           "The Origin header.",
	"Handshake.userAgent":        "The User-Agent header.",
	"Rooms.rooms": "In alphabetical order. Those that are the ids of sockets are not " +
		"among them, but for one that came or " +
		"went at that moment.",
	"Rooms.next": "The cursor of the next page; there is none after the last.",
	"Users.users": "In no order. Who comes or goes while pages are turned may be on one, none, or " +
		"two.",
	"Users.next":            "The cursor of the next page; there is none after the last.",
	"Count.count":           "How many there are.",
	"UserPresence.user":     "Name of the user.",
	"UserPresence.online":   "Whether the user has a socket, on any node.",
	"Namespaces.namespaces": "In alphabetical order.",
	"Namespaces.next":       "The cursor of the next page; there is none after the last.",
	"Health.status":         "draining: it is being stopped, and still does all that it is asked to.",
	"Health.hostname":       "Name of the machine or container.",
	"Health.version":        "What it runs.",
	"Health.uptime":         "Seconds that it has run.",
	"Health.redis": "none: the node stands alone. down: what is asked of it reaches its own sockets only, " +
		"for now.",
	"Health.sockets":             "Sockets of this node, of all namespaces.",
	"Incomplete.detail":          "What is missing, in words.",
	"Incomplete.serversAnswered": "Other nodes that have answered.",
	"Incomplete.serversMissing":  "Other nodes that have not; -1 where nobody knows how many there are.",

	"Idempotency-Key": "A request with a key is carried out once in ten minutes, on whichever " +
		"node: if it is sent again it gets " +
		"the first answer.",
	"namespace": "Namespace that is asked about.",
	"partial": "Answer with what there is, and incomplete, where not every node has " +
		"answered. Without it the answer is " +
		"503 then, so that nobody takes a part for the whole.",
	"room":            "Only members of any of these rooms.",
	"user":            "Only sockets of these users, beside the members of room.",
	"except":          "But for members of any of these rooms.",
	"limit":           "How many a page has at most.",
	"cursor":          "The next of the page before.",
	"id":              "Id of the socket.",
	"prefix":          "Only rooms whose names begin so.",
	"listUsers room":  "Only users with a socket in this room, which must be one that presence is kept of.",
	"countUsers room": "Only users with a socket in this room, which must be one that presence is kept of.",
	"getUser user":    "Name of the user.",
}

// parts are the schemas that others have whole.
var parts = map[string]string{
	"AckEmission": "Emission", "AckIncomplete": "Incomplete", "Move": "Selection", "Disconnection": "Selection",
}

// describeFields puts the descriptions into the description.
func describeFields(doc *huma.OpenAPI) {
	for name, schema := range doc.Components.Schemas.Map() {
		for field, property := range schema.Properties {
			if property.Description == "" {
				property.Description = cmp.Or(descriptions[name+"."+field], descriptions[parts[name]+"."+field])
			}
		}
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				p.Description = cmp.Or(descriptions[op.OperationID+" "+p.Name], descriptions[p.Name])
			}
		}
	}
}
