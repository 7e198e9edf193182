package embedded

import "net"

// SyncAlways tells what JetStream was started with.
func SyncAlways(s *Server) bool { return s.ns.JetStreamConfig().SyncAlways }

// Addr is where the server listens.
func Addr(s *Server) net.Addr { return s.ns.Addr() }
