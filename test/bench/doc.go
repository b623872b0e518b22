// Command bench measures keyturn against its bars: it builds and starts the
// real binary, opens thousands of connections to it, and prints one table.
//
// Figures of a machine say little, so each delivery is measured beside two
// references in the same round: the floor, which is write(2) of the same bytes
// to as many sockets, and a naive hub, which is gorilla/websocket with one
// goroutine a connection and one loop. The ratio to the floor is what counts.
//
// Every server and every swarm of clients is a process of its own, so that
// memory and processor time are those of the server alone. The processes are
// this same binary under other names of its first argument (floor, naive,
// swarm); they read commands on standard input, one JSON object a line, answer
// on standard output, and end when their input ends.
//
// Needs Linux: /proc, epoll, and the addresses 127.0.0.2 to 127.0.0.9.
package main
