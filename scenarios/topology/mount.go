package topology

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

func (l *loading) mounts(s types.ServiceConfig, path string, project *types.Project) []Mount {
	var list []Mount
	for i, v := range s.Volumes {
		at := fmt.Sprintf("%s.volumes[%d]", path, i)
		m := Mount{Type: MountType(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		switch m.Type {
		case BindMount:
			l.onDisk(at, v.Source)
			if v.Bind != nil {
				m.Create = bool(v.Bind.CreateHostPath)
				m.Options = joined(v.Bind.SELinux, v.Bind.Propagation)
			}
		case VolumeMount:
			if volume := project.Volumes[v.Source]; v.Source != "" && bool(volume.External) {
				m.Source, m.External = cmp.Or(volume.Name, v.Source), true
			}
			if v.Volume != nil && v.Volume.NoCopy {
				m.Options = "nocopy"
			}
		case TmpfsMount:
			if v.Tmpfs != nil {
				m.Options = tmpfsOptions(*v.Tmpfs)
			}
		default:
			l.fault(at, "mounts of the type %q are not supported; use volume, bind or tmpfs", v.Type)
		}
		list = append(list, m)
	}
	for _, tmpfs := range s.Tmpfs {
		target, options, _ := strings.Cut(tmpfs, ":")
		list = append(list, Mount{Type: TmpfsMount, Target: target, Options: options})
	}
	return list
}

// onDisk notes that a file that is on no disk refers to the host's.
func (l *loading) onDisk(at, source string) {
	if l.src.Dir == "" {
		l.fault(at, "a file that is not on disk cannot mount the host's %s", source)
	}
}

func tmpfsOptions(t types.ServiceVolumeTmpfs) string {
	var size, mode string
	if t.Size != 0 {
		size = fmt.Sprintf("size=%d", t.Size)
	}
	if t.Mode != 0 {
		mode = fmt.Sprintf("mode=%o", t.Mode)
	}
	return joined(size, mode)
}

// joined lists options that are not empty.
func joined(options ...string) string {
	text := ""
	for _, option := range options {
		if text != "" && option != "" {
			text += ","
		}
		text += option
	}
	return text
}

// objects gives a service its configs and secrets: files of the host as
// mounts, others as files of its own.
func (l *loading) objects(s types.ServiceConfig, at string, project *types.Project, out *Service) {
	for i, c := range s.Configs {
		config := types.FileObjectConfig(project.Configs[c.Source])
		l.object(types.FileReferenceConfig(c), config, fmt.Sprintf("%s.configs[%d]", at, i), "configs."+c.Source, "/", out)
	}
	for i, c := range s.Secrets {
		secret := types.FileObjectConfig(project.Secrets[c.Source])
		l.object(types.FileReferenceConfig(c), secret, fmt.Sprintf("%s.secrets[%d]", at, i), "secrets."+c.Source, "/run/secrets", out)
	}
}

// object places one config or secret. at is where the service asks for it,
// source where it is described, folder what a relative target is relative to.
func (l *loading) object(ref types.FileReferenceConfig, object types.FileObjectConfig, at, source, folder string, out *Service) {
	target := cmp.Or(ref.Target, ref.Source)
	if !path.IsAbs(target) {
		target = path.Join(folder, target)
	}
	switch {
	case bool(object.External):
		l.fault(source+".external", "is kept by a swarm, which this version does not run; give it as file:, content: or environment:")
	case object.Driver != "":
		l.fault(source+".driver", "drivers of secrets are a swarm's, which this version does not run; give it as file: or environment:")
	case object.File != "":
		l.onDisk(source+".file", object.File)
		if ref.UID != "" || ref.GID != "" || ref.Mode != nil {
			l.warn(at + ": uid, gid and mode are those of the host's file, which is mounted as it is")
		}
		out.Mounts = append(out.Mounts, Mount{Type: BindMount, Source: filepath.Clean(object.File), Target: target, ReadOnly: true})
	case object.Environment != "" && object.Content == "" && !l.set(object.Environment):
		l.fault(source+".environment", "the variable %s is not set", object.Environment)
	default:
		f := File{Target: target, Content: object.Content, Mode: 0o444, UID: l.number(ref.UID, at+".uid"), GID: l.number(ref.GID, at+".gid")}
		if ref.Mode != nil {
			f.Mode = uint32(*ref.Mode) & 0o7777
		}
		out.Files = append(out.Files, f)
	}
}

// set reports whether a variable has a value, if only an empty one.
func (l *loading) set(variable string) bool {
	_, ok := l.variables[variable]
	return ok
}

func (l *loading) number(text, at string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		l.fault(at, "%q is no number of a user or group", text)
	}
	return int(n)
}

// volumeOptions tells those of the stack's own volumes that differ from the
// usual.
func (l *loading) volumeOptions(own []string, project *types.Project) map[string]VolumeOptions {
	all := map[string]VolumeOptions{}
	for _, name := range own {
		v := project.Volumes[name]
		if options := (VolumeOptions{Driver: v.Driver, DriverOptions: v.DriverOpts, Labels: v.Labels}); unusual(options) {
			all[name] = options
		}
	}
	return all
}

// unusual reports whether any option is given.
func unusual(options any) bool {
	v := reflect.ValueOf(options)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && (f.Kind() != reflect.Map || f.Len() > 0) {
			return true
		}
	}
	return false
}
