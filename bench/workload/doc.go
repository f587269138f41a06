// Package workload is what the benchmark asks of a server, with one file for each kind of work. A workload says what it
// measures, which peers can take part, and how long it takes. It starts a fresh server, connects clients, lets both
// warm up, measures, and then waits for what is still owed, so that losses are exact.
//
// The same definitions hold for all peers:
//
//   - Closed loop, a window of N: a message is in flight until the last of its recipients has it. The next one is sent
//     as soon as fewer than N are in flight. No recipient is left out, so a slow half cannot hide behind a fast client.
//     If nothing arrives for a second, what is in flight counts as lost and is no longer waited for: a stall.
//   - Open loop, a rate: messages go out on time, whatever has become of those before. A latency counts from when its
//     message should have gone. A server that is a second behind cannot keep up, which ends the measurement.
//   - Deliveries are what the clients received in the time measured. Owed is every message times its recipients, from
//     the first to the last. Missing is what has not arrived two seconds after the last delivery.
//   - One client in sixteen checks that messages come once and in order. All check that there are not too many.
//   - CPU is that of all the server's processes, in the time measured.
//
// With a window, one recipient in sixteen reads the times in its messages. At a rate, as many do as the load has time
// for: all of them up to 50,000 deliveries a second.
package workload
