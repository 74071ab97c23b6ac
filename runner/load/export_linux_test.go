package load

// TransportsWith returns all transports of this system, with at most limit
// open-loop requests in flight.
func TransportsWith(limit int) map[string]Transport {
	return map[string]Transport{"general": &General{maxSenders: limit}, "fast": &Fast{maxConns: limit}}
}
