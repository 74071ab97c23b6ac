package load

import "io"

// awaitReply reads the answer to a payload that has been sent, if there is to
// be one; it returns what exchange does.
func (s *sender) awaitReply(shot *Shot) (keep, closing bool) {
	if !s.job.TCP.awaited() {
		return s.leaveSent(shot)
	}
	s.reply.reset(nil)
	for !s.reply.answered() {
		if err := s.readOn(); err != nil && (err != io.EOF || !s.reply.end()) {
			shot.BodyIn = s.reply.received()
			return s.fail(shot, s.readFailure())
		}
	}
	shot.Done = s.since()
	next := s.reply.result(shot)
	return next == keeping && s.job.KeepAlive && s.reader.Buffered() == 0, false
}

// readOn feeds the reply with what has come, of which at least one byte is
// waited for.
func (s *sender) readOn() error {
	if _, err := s.reader.Peek(1); err != nil {
		return err
	}
	// Neither has an error, because all this has been read already.
	piece, _ := s.reader.Peek(s.reader.Buffered())
	used, _ := s.reply.feed(piece)
	_, _ = s.reader.Discard(used)
	return nil
}

// leaveSent ends a request that no answer is awaited to. Where no other
// follows, the server is told so, and left to close the connection when it has
// read all.
func (s *sender) leaveSent(shot *Shot) (keep, closing bool) {
	if !s.job.KeepAlive {
		if err := s.tcp.CloseWrite(); err != nil {
			return s.fail(shot, connectionFailure(err))
		}
	}
	shot.Done = s.since()
	s.firstByte = shot.Done
	return s.job.KeepAlive, !s.job.KeepAlive
}
