package main

// What one machine can run of the stack: the real file, as docker stack config prints it, without what it has no place
// for.

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A reduction says what is to be left of a stack.
type reduction struct {
	services []string
	noMesh   bool   // publish no ports on the routing mesh and use no virtual addresses
	noLimits bool   // leave the limits of open files as they are
	client   string // image of a service that chats; none where empty
}

type object = map[string]any

// apply reads a stack and writes what is left of it. Tasks end and are updated quickly in it: whether real clients get
// enough time is not what this check can tell.
func (r reduction) apply(from io.Reader, to io.Writer) error {
	var stack object
	if err := yaml.NewDecoder(from).Decode(&stack); err != nil {
		return fmt.Errorf("read the stack: %w", err)
	}
	services, ok := stack["services"].(object)
	if !ok {
		return fmt.Errorf("the stack has no services")
	}
	for _, name := range r.services {
		if services[name] == nil {
			return fmt.Errorf("the stack has no service %q", name)
		}
	}
	for _, name := range slices.Collect(maps.Keys(services)) {
		if !slices.Contains(r.services, name) {
			delete(services, name)
			continue
		}
		service, _ := services[name].(object)
		r.service(service)
	}
	if r.client != "" {
		services["client"] = object{
			"image": r.client, "command": []string{"chat", "-nodes", "3", "-within", "3m", "tasks.gateway:3000"},
			"networks": []string{"backend"},
			"deploy":   object{"replicas": 1, "restart_policy": object{"condition": "none"}},
		}
	}
	text, err := yaml.Marshal(stack)
	if err != nil {
		return fmt.Errorf("write the stack: %w", err)
	}
	// Variables have been filled in. What still has a dollar, such as the hash of a password, is none.
	_, err = to.Write(bytes.ReplaceAll(text, []byte("$"), []byte("$$")))
	return err
}

func (r reduction) service(service object) {
	deploy, _ := service["deploy"].(object)
	for _, key := range []string{"update_config", "rollback_config"} {
		if config, ok := deploy[key].(object); ok {
			config["delay"], config["monitor"] = "1s", "5s"
		}
	}
	if environment, ok := service["environment"].(object); ok && environment["DRAIN_DELAY"] != nil {
		environment["DRAIN_DELAY"], environment["DRAIN_WINDOW"] = "1s", "1s"
	}
	if r.noLimits {
		delete(service, "ulimits")
	}
	if r.noMesh {
		// A port of the node's own, as Traefik's, is not the mesh's.
		if ports, ok := service["ports"].([]any); ok {
			service["ports"] = slices.DeleteFunc(ports, func(port any) bool {
				p, _ := port.(object)
				return p["mode"] != "host"
			})
		}
		if deploy != nil {
			deploy["endpoint_mode"] = "dnsrr"
		}
	}
}
