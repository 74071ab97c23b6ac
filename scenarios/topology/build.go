package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

func (l *loading) build(b *types.BuildConfig, path string) *Build {
	if b == nil {
		return nil
	}
	switch {
	case remote(b.Context):
		l.fault(path+".context", "a build context elsewhere is not supported; fetch %s and name the folder", b.Context)
	case l.src.Dir == "":
		l.fault(path, "a file that is not on disk cannot build from the host's %s", b.Context)
	case len(b.Platforms) > 1:
		l.fault(path+".platforms", "an image is built for one platform at a time; name one")
	}
	out := &Build{
		Context: b.Context, Dockerfile: b.Dockerfile, Inline: b.DockerfileInline,
		Target: b.Target, Network: b.Network, Platforms: b.Platforms, Tags: b.Tags, Labels: b.Labels,
		ExtraHosts: slices.Sorted(slices.Values(b.ExtraHosts.AsList(":"))), CacheFrom: b.CacheFrom,
		NoCache: b.NoCache, Pull: b.Pull, ShmBytes: int64(b.ShmSize), Ulimits: ulimits(b.Ulimits),
	}
	if out.Inline == "" {
		out.Dockerfile = cmp.Or(out.Dockerfile, "Dockerfile")
	}
	for name, value := range b.Args {
		if value == nil {
			continue // neither the file nor the environment has one
		}
		if out.Args == nil {
			out.Args = map[string]string{}
		}
		out.Args[name] = *value
	}
	return out
}

// remote reports whether a build context is no folder of this host.
func remote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}
