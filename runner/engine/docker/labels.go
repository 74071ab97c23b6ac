package docker

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/docker/docker/api/types/filters"

	"plimsoll/runner/engine"
)

// The labels that mark what is ours.
const (
	labelRun     = "io.plimsoll.run"
	labelStack   = "io.plimsoll.stack"
	labelService = "io.plimsoll.service"
	labelReplica = "io.plimsoll.replica"
	labelRole    = "io.plimsoll.role"
	labelImage   = "io.plimsoll.image"
)

// The values of labelImage.
const (
	imageSelf  = "self"  // made from this program
	imageBuilt = "built" // from a Compose file's build:
)

// The values of labelRole.
const (
	roleService = "service"
	roleWorker  = "worker"
	roleGate    = "gate"
)

// Compose's labels, by which its commands show a stack and take it down.
const (
	composeProject    = "com.docker.compose.project"
	composeService    = "com.docker.compose.service"
	composeNumber     = "com.docker.compose.container-number"
	composeOneOff     = "com.docker.compose.oneoff"
	composeConfigHash = "com.docker.compose.config-hash"
	composeVersion    = "com.docker.compose.version"
	composeFiles      = "com.docker.compose.project.config_files"
	composeDir        = "com.docker.compose.project.working_dir"
	composeNetwork    = "com.docker.compose.network"
	composeVolume     = "com.docker.compose.volume"
)

// labelsAs is the Compose release whose labels these are. docker-compose 1
// compares it as a number.
const labelsAs = "2.0.0"

// The names of what the engine holds.

func resourceName(stack, short string) string { return stack + "_" + short }

func containerName(stack, service string, number int) string {
	return fmt.Sprintf("%s-%s-%d", stack, service, number)
}

// stackLabels are on everything that belongs to a stack.
func stackLabels(stack, run string) map[string]string {
	return map[string]string{labelRun: run, labelStack: stack, composeProject: stack, composeVersion: labelsAs}
}

func networkLabels(op engine.Op) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, op.Network.Labels)
	maps.Copy(labels, stackLabels(op.Stack, op.Run))
	labels[composeNetwork] = op.Resource
	return labels
}

func volumeLabels(op engine.Op) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, op.Volume.Labels)
	maps.Copy(labels, stackLabels(op.Stack, op.Run))
	labels[composeVolume] = op.Resource
	return labels
}

func replicaLabels(op engine.Op) (map[string]string, error) {
	hash, err := engine.Definition(op.Service)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	maps.Copy(labels, op.Service.Labels)
	maps.Copy(labels, stackLabels(op.Stack, op.Run))
	number := strconv.Itoa(op.Number)
	maps.Copy(labels, map[string]string{
		labelRole: roleService, labelService: op.Service.Name, labelReplica: number,
		composeService: op.Service.Name, composeNumber: number, composeOneOff: "False", composeConfigHash: hash,
		composeDir: op.Dir, composeFiles: "",
	})
	return labels, nil
}

func workerLabels(stack engine.Stack, number int) map[string]string {
	labels := stackLabels(stack.Name, stack.Run)
	// To Compose it is like a container of "compose run": not part of what
	// the file describes, but gone with it.
	maps.Copy(labels, map[string]string{
		labelRole: roleWorker, composeService: "plimsoll-worker", composeNumber: strconv.Itoa(number), composeOneOff: "True",
	})
	return labels
}

// labelled makes a filter from labels; one with an empty value need only be
// there.
func labelled(labels map[string]string) filters.Args {
	args := filters.NewArgs()
	for key, value := range labels {
		if value == "" {
			args.Add("label", key)
		} else {
			args.Add("label", key+"="+value)
		}
	}
	return args
}
