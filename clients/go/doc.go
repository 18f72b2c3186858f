// Package holkas is the client of Holkas, a service that moves, reads and deletes container images.
//
// A Client is a connection to a server, over a unix socket or over TCP with TLS. Its methods are the
// rpcs of holkas.v1.ImageService; their requests and responses are the messages of package holkaspb,
// whose comments say what every field means. A call ends when its context does; the server then kills
// the process that served it and undoes what it had not published.
//
// Calls that take long give their events as they come, as a Stream. Errors of calls are of the type
// *Error and match ErrNotFound and its like with errors.Is.
package holkas
