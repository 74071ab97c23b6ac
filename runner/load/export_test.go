package load

// ScheduleOf returns the schedule of an open loop.
func ScheduleOf(job Job) (Schedule, error) { return job.schedule() }

// Plain reports whether the fast transport can carry out a job.
func Plain(j Job) bool { return j.plain() }
