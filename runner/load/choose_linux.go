package load

func newFast() Transport { return NewFast() }
