// Command stackcheck is the part of scripts/stack-check.sh that is easier in Go. It reduces the Swarm stack to what
// one machine can run, and it chats through the gateways of a running stack.
//
//	stackcheck reduce -services redis,gateway [-no-mesh] [-no-ulimits] [-client IMAGE] < stack.yml > reduced.yml
//	stackcheck chat [-nodes N] ADDRESS...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stackcheck:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("want reduce or chat")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "reduce":
		var r reduction
		services := flags.String("services", "", "services to keep, separated by commas")
		flags.BoolVar(&r.noMesh, "no-mesh", false,
			"publish no ports on the routing mesh and use no virtual addresses: for a kernel without IPVS")
		flags.BoolVar(&r.noLimits, "no-ulimits", false,
			"set no limits of open files: for a machine that does not allow the stack's")
		flags.StringVar(&r.client, "client", "", "image of this program, to be a service that chats")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		r.services = strings.Split(*services, ",")
		return r.apply(stdin, stdout)
	case "chat":
		nodes := flags.Int("nodes", 1, "distinct hosts that have to answer")
		within := flags.Duration("within", time.Minute,
			"time that all of it may take, waiting for the gateways among it")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), *within)
		defer cancel()
		return chatUntil(ctx, flags.Args(), *nodes, stdout)
	}
	return fmt.Errorf("%q: want reduce or chat", args[0])
}

// chatUntil chats through every host that the addresses (host:port) resolve to. It tries again each second, so it may
// be started before the gateways. Its error is that of the last attempt.
func chatUntil(ctx context.Context, addresses []string, nodes int, stdout io.Writer) error {
	for {
		summary, err := chatOnce(ctx, addresses, nodes)
		if err == nil {
			fmt.Fprintln(stdout, "stackcheck:", summary)
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

func chatOnce(ctx context.Context, addresses []string, nodes int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var gateways []string
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", err
		}
		ips, err := new(net.Resolver).LookupHost(ctx, host)
		if err != nil {
			return "", err
		}
		for _, ip := range ips {
			gateways = append(gateways, net.JoinHostPort(ip, port))
		}
	}
	// One address may be a balancer before several gateways. Connecting more than once reaches more of them.
	for len(gateways) > 0 && len(gateways) < nodes {
		gateways = append(gateways, gateways...)
	}
	if len(gateways) == 0 {
		return "", errors.New("no address")
	}
	return converse(ctx, gateways, nodes)
}
