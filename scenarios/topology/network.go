package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// networkMode is empty for a service that has networks of its own.
func (l *loading) networkMode(s types.ServiceConfig, path string, project *types.Project) Mode {
	path += ".network_mode"
	switch mode := Mode(s.NetworkMode); mode {
	case "", HostMode, NoneMode, BridgeMode:
		return mode
	default:
		if !l.shared(mode, path, project) {
			l.fault(path, "%q is not supported; use host, none, bridge or service:NAME, or attach the service to networks:", mode)
		}
		return mode
	}
}

// shared reports whether a mode is that of another service.
func (l *loading) shared(mode Mode, path string, project *types.Project) bool {
	name, ok := mode.Service()
	if !ok {
		return false
	}
	if _, known := project.Services[name]; !known {
		l.fault(path, "there is no service %q", name)
	}
	return true
}

// attachments lists the networks of a service, in the order in which its
// containers are attached.
func attachments(s types.ServiceConfig, project *types.Project) []Attachment {
	if s.NetworkMode != "" {
		return nil
	}
	if len(s.Networks) == 0 {
		return []Attachment{{Network: defaultNetwork}}
	}
	var list []Attachment
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		a := Attachment{Network: name}
		if network := project.Networks[name]; bool(network.External) {
			a.External = cmp.Or(network.Name, name)
		}
		if config := s.Networks[name]; config != nil {
			a.Aliases = slices.DeleteFunc(slices.Clone(config.Aliases), func(alias string) bool { return alias == s.Name })
			a.IPv4, a.IPv6, a.LinkLocal = config.Ipv4Address, config.Ipv6Address, config.LinkLocalIPs
			a.Priority = config.Priority
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b Attachment) int { return cmp.Compare(b.Priority, a.Priority) })
	return list
}

// aliasLinks gives services the names by which others link to them
// ("links: [db:database]"), on the networks that both are attached to.
func aliasLinks(services []Service, project *types.Project) {
	for _, from := range services {
		for _, link := range project.Services[from.Name].Links {
			name, alias, found := strings.Cut(link, ":")
			i := slices.IndexFunc(services, func(s Service) bool { return s.Name == name })
			if !found || alias == name || i < 0 {
				continue
			}
			for n := range services[i].Networks {
				a := &services[i].Networks[n]
				shared := slices.ContainsFunc(from.Networks, func(b Attachment) bool { return b.Network == a.Network })
				if shared && !slices.Contains(a.Aliases, alias) {
					a.Aliases = append(a.Aliases, alias)
				}
			}
		}
	}
}

func names(s types.ServiceConfig) Names {
	return Names{
		ExtraHosts: slices.Sorted(slices.Values(s.ExtraHosts.AsList(":"))),
		Servers:    s.DNS, Search: s.DNSSearch, Options: s.DNSOpts,
	}
}

// networkOptions tells those of the stack's own networks that differ from the
// usual.
func (l *loading) networkOptions(own []string, project *types.Project) map[string]NetworkOptions {
	all := map[string]NetworkOptions{}
	for _, name := range own {
		n := project.Networks[name]
		options := NetworkOptions{
			Driver: n.Driver, DriverOptions: n.DriverOpts, Internal: n.Internal, Attachable: n.Attachable,
			IPv6:       n.EnableIPv6 != nil && *n.EnableIPv6,
			IPAMDriver: n.Ipam.Driver, IPAMOptions: n.Ipam.Options, Labels: n.Labels,
		}
		for _, p := range n.Ipam.Config {
			options.Pools = append(options.Pools, Pool{Subnet: p.Subnet, Gateway: p.Gateway, Range: p.IPRange, Reserved: p.AuxiliaryAddresses})
		}
		if options.Driver == "overlay" {
			l.fault("networks."+name+".driver", "overlay networks need a swarm, which this version does not run; leave driver out")
		}
		if n.EnableIPv4 != nil && !*n.EnableIPv4 {
			l.fault("networks."+name+".enable_ipv4", "networks without IPv4 are not supported: load is sent to IPv4 addresses; leave it out")
		}
		if !unusual(options) {
			continue
		}
		all[name] = options
	}
	return all
}
