// Package emission is an event to be sent, as JSON has it: what a backend answers with, and what the server API takes.
//
// Binary values have no place in JSON. Base64 text stands in the place of each, and a list of JSON Pointers (RFC 6901)
// into the arguments says where. What is not listed is what it looks like, whatever that is.
package emission
