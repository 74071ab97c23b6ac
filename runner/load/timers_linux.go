package load

import (
	"container/heap"
	"math"
	"time"
)

// line is a queue of connections whose deadlines are all equally far away
// when they join, so that the first is always the next.
type line struct{ first, last *conn }

func (q *line) join(c *conn, deadline time.Duration) {
	c.line, c.deadline, c.before, c.aft = q, deadline, q.last, nil
	if q.last != nil {
		q.last.aft = c
	} else {
		q.first = c
	}
	q.last = c
}

func (c *conn) leaveLine() {
	q := c.line
	if q == nil {
		return
	}
	if c.before != nil {
		c.before.aft = c.aft
	} else {
		q.first = c.aft
	}
	if c.aft != nil {
		c.aft.before = c.before
	} else {
		q.last = c.before
	}
	c.line, c.before, c.aft = nil, nil, nil
}

// next is the first deadline.
func (q *line) next() time.Duration {
	if q.first == nil {
		return math.MaxInt64
	}
	return q.first.deadline
}

// pauses holds connections that do nothing until an instant, each its own.
type pauses []*conn

func (p pauses) Len() int           { return len(p) }
func (p pauses) Less(i, j int) bool { return p[i].resume < p[j].resume }
func (p pauses) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].paused, p[j].paused = i+1, j+1
}

// Push and Pop are for container/heap.
func (p *pauses) Push(c any) {
	*p = append(*p, c.(*conn))
	c.(*conn).paused = len(*p)
}

func (p *pauses) Pop() any {
	n := len(*p) - 1
	c := (*p)[n]
	*p = (*p)[:n]
	c.paused = 0
	return c
}

// hold pauses c until an instant.
func (p *pauses) hold(c *conn, until time.Duration) {
	c.resume = until
	heap.Push(p, c)
}

// drop ends the pause of c, if it has one, without its instant having come.
func (p *pauses) drop(c *conn) {
	if c.paused > 0 {
		heap.Remove(p, c.paused-1)
	}
}

// over returns a connection whose pause is over, nil if there is none.
func (p *pauses) over(now time.Duration) *conn {
	if p.next() > now {
		return nil
	}
	return heap.Pop(p).(*conn)
}

// next is the first instant at which a pause is over.
func (p pauses) next() time.Duration {
	if len(p) == 0 {
		return math.MaxInt64
	}
	return p[0].resume
}
