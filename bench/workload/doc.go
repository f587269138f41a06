// Package workload is what the benchmark asks of a server, a file for each kind of work: what it measures, which peers can
// take part, and how long it takes. Every one starts a fresh server, connects its clients, lets both get warm, measures, and
// then waits for what is still owed, so that a loss is exact.
package workload
