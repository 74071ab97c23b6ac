package load

// Transports returns one of each kind that this system has.
func Transports() []Transport { return []Transport{NewGeneral(), NewFast()} }
