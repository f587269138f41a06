package main

// Reduces the stack to what one machine can run. The input is the real file, as docker stack config prints it.

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A reduction says what to keep of a stack.
type reduction struct {
	services []string
	noMesh   bool   // publish no ports on the routing mesh, and use no virtual addresses
	noLimits bool   // set no limits of open files
	client   string // image of a service that chats; "" for none
}

type object = map[string]any

// apply reads a stack and writes what is left of it. It also shortens how long tasks take to end and to be updated:
// whether the real times suit real clients is not for this check to tell.
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
	// The variables have been filled in. A dollar that is left, such as in the hash of a password, must not start
	// another.
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
		// A port of the node itself, such as Traefik's, does not use the mesh.
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
