//go:build !linux

package doctor

import "context"

// readSystem reads nothing: what it would is behind Linux's /proc.
func (f *facts) readSystem(context.Context) error { return nil }
