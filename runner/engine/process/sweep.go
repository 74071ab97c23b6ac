package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tempPrefix begins the name of the folder that an engine makes for itself;
// the number of the process that made it follows.
const tempPrefix = "plimsoll-process-"

func makeTempDir() (string, error) {
	return os.MkdirTemp("", fmt.Sprintf("%s%d-", tempPrefix, os.Getpid()))
}

// Sweep removes the temporary folders of engines whose process was killed, and
// returns their paths. Those of other users stay.
func Sweep() (removed []string, err error) {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, folder := range folders {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), tempPrefix), "-")
		if pid, err := strconv.Atoi(number); err != nil || pid <= 0 || exists(pid) {
			continue
		}
		switch err := os.RemoveAll(folder); {
		case err == nil:
			removed = append(removed, folder)
		case !errors.Is(err, os.ErrPermission):
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}
