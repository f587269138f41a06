// Package engineio implements the server side of the Engine.IO protocol, revision 4: sessions over HTTP long-polling
// and WebSocket, with heartbeats, upgrade from one to the other, and outbound queues made for fan-out.
package engineio
