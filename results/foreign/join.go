package foreign

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"plimsoll/results"
)

// join adds what a file tells of a load to what another one of the same name
// tells of it, where that can be. Files that tell of two loads are an error.
func join(to, from *imported) (joined bool, err error) {
	switch {
	case from.format == "haproxy" && to.format != "haproxy":
		to.result.Trial.Foreign.Balancer = from.result.Trial.Foreign.Balancer
	case from.format == "ab-g" && to.format == "ab":
		if err = sameLoad(to.result.Trial, from.result.Trial, true); err == nil {
			to.result.Log = from.result.Log
		}
	case from.format == "ab-e" && to.format == "ab":
		err = sameLoad(to.result.Trial, from.result.Trial, false) // it tells nothing more
	default:
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s and %s have the same name, and are not of the same load: %w", to.file.Name, from.file.Name, err)
	}
	to.beside = append(to.beside, from)
	return true, nil
}

// sameLoad holds two of ab's files of one load against each other.
func sameLoad(a, b results.Trial, counted bool) error {
	x, y := a.Latency.Response, b.Latency.Response
	if counted && x.Count != y.Count {
		return fmt.Errorf("one has %d requests, the other %d", x.Count, y.Count)
	}
	// A histogram's values are up to 0.1 % too high.
	if apart := (x.Max - y.Max).Abs(); apart > time.Millisecond+x.Max/1000 {
		return fmt.Errorf("the longest request of one took %v, of the other %v", x.Max, y.Max)
	}
	return nil
}

// joinAll joins files of the same folder and name: to ab's table what else ab
// wrote, and to either a balancer's page. The others stay as they are.
func joinAll(list []*imported) ([]*imported, error) {
	// By what joins last; otherwise in the order in which they were given.
	last := slices.Clone(list)
	slices.SortStableFunc(last, func(a, b *imported) int {
		return cmp.Compare(slices.Index(joining, a.format), slices.Index(joining, b.format))
	})
	var kept []*imported
	for _, one := range last {
		joined := false
		for _, other := range kept {
			if one.name() != other.name() {
				continue
			}
			var err error
			if joined, err = join(other, one); err != nil {
				return nil, err
			}
			if joined {
				break
			}
		}
		if !joined {
			kept = append(kept, one)
		}
	}
	return slices.DeleteFunc(list, func(one *imported) bool { return !slices.Contains(kept, one) }), nil
}

// joining are the formats that join others, in their order.
var joining = []string{"ab-g", "ab-e", "haproxy"}

// name is where the file lies and what its name tells.
func (i *imported) name() string {
	return filepath.Join(filepath.Dir(i.file.Name), i.label.String())
}
