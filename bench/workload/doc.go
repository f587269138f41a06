// Package workload is what the benchmark asks of a server, a file for each kind of work: what it measures, which peers can
// take part, and how long it takes. Every one starts a fresh server, connects its clients, lets both get warm, measures, and
// then waits for what is still owed, so that a loss is exact.
//
// The same definitions hold for all peers:
//
//   - Closed loop, a window of N: a message is in flight until the last of its recipients has received it, and the next one
//     is sent as soon as fewer than N are. No recipient is left out, so a slow half cannot hide behind a fast client. Where
//     nothing arrives for a second, what is in flight counts as lost and is not waited for any more: a stall.
//   - Open loop, a rate: messages go out at their times whatever has become of those before, and a latency counts from the
//     time at which its message was meant to be sent. A server that is a second behind cannot keep up, and the measuring ends.
//   - Deliveries are what the clients received within the time measured. Owed is every message times its recipients, from the
//     first to the last; missing is what had not arrived two seconds after the last delivery.
//   - One client in sixteen checks that the messages come in order and once, all of them that there are not too many.
//   - CPU is the server's, of all its processes, over the time measured.
//
// With a window, one recipient in sixteen reads the time of what it gets; at a rate, as many as there is time for, all of
// them up to 50,000 deliveries a second.
package workload
