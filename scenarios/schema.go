package scenarios

import (
	"encoding/json"
	"strconv"

	"github.com/invopop/jsonschema"
)

// Schema returns the JSON Schema (draft 2020-12) of scenario files.
func Schema() ([]byte, error) {
	reflector := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true}
	schema := reflector.Reflect(&file{})
	schema.Title = "plimsoll scenario"
	schema.Description = "Which deployments are compared, at which scales, under which loads, and what is demanded of them."
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// JSONSchemaExtend says what struct tags cannot.
func (file) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PatternProperties = map[string]*jsonschema.Schema{"^x-": jsonschema.TrueSchema}
	names, one := &jsonschema.Schema{Pattern: nameForm}, uint64(1)
	for _, key := range []string{"environments", "loads"} {
		if property, ok := s.Properties.Get(key); ok {
			property.PropertyNames, property.MinProperties = names, &one
		}
	}
	if scales, ok := s.Properties.Get("scales"); ok {
		scales.Items.AdditionalProperties.Minimum = "0"
		scales.Items.AdditionalProperties.Maximum = json.Number(strconv.Itoa(mostReplicas))
	}
}

// JSONSchemaExtend asks for exactly one method, and lets headers be numbers.
func (request) JSONSchemaExtend(s *jsonschema.Schema) {
	if headers, ok := s.Properties.Get("headers"); ok {
		headers.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "string"}, {Type: "number"}, {Type: "boolean"},
		}}
	}
	for _, method := range []string{"get", "post", "put", "patch", "delete", "head"} {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{method}})
	}
}

// JSONSchemaExtend tells the closed loop and the open loop apart.
func (load) JSONSchemaExtend(s *jsonschema.Schema) {
	without := func(keys ...string) *jsonschema.Schema {
		some := &jsonschema.Schema{}
		for _, key := range keys {
			some.AnyOf = append(some.AnyOf, &jsonschema.Schema{Required: []string{key}})
		}
		return some
	}
	s.OneOf = []*jsonschema.Schema{
		{Title: "closed loop, so many requests", Required: []string{"requests", "concurrency"}, Not: without("rate", "stages", "sine", "arrivals", "connections", "duration")},
		{Title: "closed loop, so long", Required: []string{"concurrency", "duration"}, Not: without("rate", "stages", "sine", "arrivals", "connections", "requests")},
		{Title: "open loop", Required: []string{"rate", "duration"}, Not: without("requests", "concurrency", "think", "stages")},
		{Title: "open loop, in stages", Required: []string{"stages"}, Not: without("requests", "concurrency", "think", "sine", "duration")},
	}
	isTCP := jsonschema.NewProperties()
	isTCP.Set("protocol", &jsonschema.Schema{Const: tcp})
	s.If = &jsonschema.Schema{Required: []string{"protocol"}, Properties: isTCP}
	s.Then = &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Required: []string{"payload"}}, {Required: []string{"payloads"}}}, Not: &jsonschema.Schema{Required: []string{"until", "length"}}}
	s.Else = &jsonschema.Schema{Not: without("payload", "payloads", "expect", "until", "length")}
}

// JSONSchemaExtend asks for exactly one kind of contents.
func (payload) JSONSchemaExtend(s *jsonschema.Schema) {
	for _, contents := range []string{"file", "text", "base64"} {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{contents}})
	}
}

// JSONSchema describes engines.
func (engineKey) JSONSchema() *jsonschema.Schema {
	var names []any
	for _, name := range engineNames {
		names = append(names, name)
	}
	reflector := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true}
	at := reflector.Reflect(&engineAt{})
	at.Version = ""
	at.OneOf = []*jsonschema.Schema{
		{Required: []string{"context"}, Not: &jsonschema.Schema{Required: []string{"tls"}}}, {Required: []string{"host"}},
	}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Enum: names}, at}}
}

// JSONSchemaExtend lets a lone Compose file be a text.
func (environment) JSONSchemaExtend(s *jsonschema.Schema) {
	if files, ok := s.Properties.Get("topology"); ok {
		list := &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, MinItems: new(uint64(1))}
		*files = jsonschema.Schema{Description: files.Description, OneOf: []*jsonschema.Schema{{Type: "string"}, list}}
	}
}

// JSONSchema describes durations.
func (duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[0-9.]+(ns|us|µs|ms|s|m|h)`, Examples: []any{"10s", "250ms", "1m30s"}}
}

// JSONSchema describes durations that may be 0.
func (span) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Const: 0}, {Const: "0"}, duration(0).JSONSchema()}}
}

// JSONSchema describes rates that may be 0.
func (level) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: append(rate{}.JSONSchema().AnyOf, &jsonschema.Schema{Const: 0})}
}

// JSONSchema describes rates.
func (rate) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string", Pattern: `^[0-9]+ *(/.*)?$`, Examples: []any{"200/s", "3000/m"}},
		{Type: "integer", Minimum: "1"},
	}}
}

// JSONSchema describes warm-ups.
func (warmup) JSONSchema() *jsonschema.Schema {
	reflector := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true}
	until := reflector.Reflect(&warmupUntil{})
	until.Version = ""
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Const: none}, {Const: steady}, duration(0).JSONSchema(), until,
	}}
}

// JSONSchema describes limits as durations.
func (warmupLimit) JSONSchema() *jsonschema.Schema { return duration(0).JSONSchema() }

// JSONSchema describes objectives.
func (objective) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Pattern: `^\s*(p\s*\([^)]*\)|p[0-9.]+|mean|max|errors|throughput)\s*(<=?|>=?)`,
		Examples: []any{"p(99) < 1s", "errors < 0.1%", "throughput > 100/s"},
	}
}
