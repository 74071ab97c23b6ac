package proc

// CPUTimes is what all CPUs of the machine together have spent since it was
// started, in ticks. Only differences of two readings mean anything.
type CPUTimes struct {
	Total float64
	Idle  float64
	// Steal is what the host gave to other virtual machines.
	Steal float64
}
