package scenarios

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/internal/testenv"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestSchemaFileIsUpToDate(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "scenario.schema.json", string(schema))
}

// TestSchemaAgrees holds the schema against a standard validator: it accepts
// what Read accepts and refuses what has a wrong form.
func TestSchemaAgrees(t *testing.T) {
	schema := compiled(t)
	tests := []struct {
		name string
		text string
		good bool
	}{
		{"twip", readText(t, "twip.yaml"), true},
		{"rich", rich, true},
		{"least", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}", true},
		{"unknown key", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}\nx: 1", false},
		{"unknown key within", "environments: {a: {target: http://b, foo: 1}}\nloads: {c: {concurrency: 1, requests: 1}}", false},
		{"no target", "environments: {a: {}}\nloads: {c: {concurrency: 1, requests: 1}}", false},
		{"no load", "environments: {a: {target: http://b}}\nloads: {}", false},
		{"two kinds", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, rate: 1/s, duration: 1s}}", false},
		{"ends twice", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1, duration: 1s}}", false},
		{"no method", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}\nrequests: [{weight: 1}]", false},
		{"two methods", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}\nrequests: [{get: /, post: /}]", false},
		{"bad name", "environments: {a b: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}", false},
		{"bad objective", "environments: {a: {target: http://b}}\nloads: {c: {concurrency: 1, requests: 1}}\nobjectives: [fast]", false},
		{"no stages", "environments: {a: {target: http://b}}\nloads: {c: {stages: []}}", false},
		{"half a stage", "environments: {a: {target: http://b}}\nloads: {c: {stages: [{to: 1/s}]}}", false},
		{"stages that end twice", "environments: {a: {target: http://b}}\nloads: {c: {stages: [{to: 1/s, over: 1s}], duration: 1s}}", false},
		{"two shapes", "environments: {a: {target: http://b}}\nloads: {c: {stages: [{to: 1/s, over: 1s}], sine: {amplitude: 1/s, period: 1s}}}", false},
		{"half a sine", "environments: {a: {target: http://b}}\nloads: {c: {rate: 2/s, duration: 1s, sine: {amplitude: 1/s}}}", false},
		{"sine without a mean", "environments: {a: {target: http://b}}\nloads: {c: {duration: 1s, sine: {amplitude: 1/s, period: 1s}}}", false},
		{"open loop that thinks", "environments: {a: {target: http://b}}\nloads: {c: {rate: 1/s, duration: 1s, think: 1s}}", false},
		{"closed loop with arrivals", "environments: {a: {target: http://b}}\nloads: {c: {requests: 1, concurrency: 1, arrivals: poisson}}", false},
		{"bad arrivals", "environments: {a: {target: http://b}}\nloads: {c: {rate: 1/s, duration: 1s, arrivals: rare}}", false},
		{"later key", "environments: {a: {target: http://b}}\nloads: {c: {rate: 1/s, duration: 1s}}\nevents: []", false},
		{"engine by name", "environments: {a: {topology: stack/compose.yaml, target: http://proxy, engine: auto}}\nloads: {c: {rate: 1/s, duration: 1s}}", true},
		{"engine with two places", "environments: {a: {topology: stack/compose.yaml, target: http://proxy, engine: {context: a, host: \"ssh://b\"}}}\nloads: {c: {rate: 1/s, duration: 1s}}", false},
		{"engine without a place", "environments: {a: {topology: stack/compose.yaml, target: http://proxy, engine: {}}}\nloads: {c: {rate: 1/s, duration: 1s}}", false},
		{"engine with a bad address", "environments: {a: {topology: stack/compose.yaml, target: http://proxy, engine: {host: far}}}\nloads: {c: {rate: 1/s, duration: 1s}}", false},
		{"no such engine", "environments: {a: {topology: stack/compose.yaml, target: http://proxy, engine: podman}}\nloads: {c: {rate: 1/s, duration: 1s}}", false},
		{"tcp", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, payload: s.yaml, expect: OK, until: \"\\n\", rate: 1/s, duration: 1s}}", true},
		{"http, said", "environments: {a: {target: http://b}}\nloads: {c: {protocol: http, rate: 1/s, duration: 1s, connections: 4, target: http://c}}", true},
		{"tcp without payload", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, rate: 1/s, duration: 1s}}", false},
		{"tcp with two payloads", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, payload: s.yaml, payloads: [{text: x}], rate: 1/s, duration: 1s}}", false},
		{"tcp with two ends", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, payload: s.yaml, until: x, length: 1, rate: 1/s, duration: 1s}}", false},
		{"payload with two contents", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: tcp, payloads: [{text: x, file: s.yaml}], rate: 1/s, duration: 1s}}", false},
		{"no such protocol", "environments: {a: {target: tcp://b:1}}\nloads: {c: {protocol: udp, payload: s.yaml, rate: 1/s, duration: 1s}}", false},
		{"http that expects", "environments: {a: {target: http://b}}\nloads: {c: {expect: OK, rate: 1/s, duration: 1s}}", false},
		{"closed loop with a cap", "environments: {a: {target: http://b}}\nloads: {c: {requests: 1, concurrency: 1, connections: 1}}", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := schema.Validate(asJSON(t, tt.text))
			if (err == nil) != tt.good {
				t.Errorf("schema: %v, want good: %v", err, tt.good)
			}
			dir := t.TempDir()
			write(t, dir, "stack/compose.yaml", "services: {proxy: {image: x}, web: {image: y}}")
			write(t, dir, "twip/training.yaml", "services: {static: {image: x}, web: {image: y}}")
			write(t, dir, "twip/production.yaml", "services: {proxy: {image: x}, static: {image: x}, web: {image: y}}")
			write(t, dir, "reading.xml", "<reading/>\n")
			write(t, dir, "certificates/ca.pem", "")
			write(t, dir, "s.yaml", tt.text)
			if _, err := Read(filepath.Join(dir, "s.yaml")); (err == nil) != tt.good {
				t.Errorf("Read: %v, want good: %v", err, tt.good)
			}
		})
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := shippedFiles.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("scenario.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON reads YAML as an editor that checks a schema does.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	// A null scale is a Go nicety that JSON has no mapping for.
	converted, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "[~,", "[{},")))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(converted))
	if err != nil {
		t.Fatal(err)
	}
	return document
}
