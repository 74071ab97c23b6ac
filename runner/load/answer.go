package load

// answerReader reads the answers to one request after the other as they come,
// piece by piece.
type answerReader interface {
	// reset makes it expect the answer to a new request.
	reset(*message)
	// feed takes in what has come and returns how much of p belongs to the
	// answer: all of it, unless the answer is complete. An error says that it
	// is malformed.
	feed(p []byte) (used int, err error)
	// answered reports whether the answer is complete.
	answered() bool
	// end is told that the connection has ended, and returns answered.
	end() bool
	// received is how much of the answer's body has come, in bytes.
	received() int64
	// result enters a complete answer into the shot and says what may become
	// of the connection.
	result(*Shot) after
}

// after is what a connection does when its request is over.
type after uint8

const (
	keeping after = iota
	dropping
	leaving // the server closes
)
