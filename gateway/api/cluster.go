package api

// The namespaces, the nodes, and this node.

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Namespaces are a page of those that this node has.
type Namespaces struct {
	Namespaces []string `json:"namespaces" nullable:"false"`
	Next       string   `json:"next,omitempty"`
}

// Health is how this node is.
type Health struct {
	Status   string  `json:"status" enum:"ok,draining"`
	Hostname string  `json:"hostname"`
	Version  string  `json:"version"`
	Uptime   float64 `json:"uptime"`
	Redis    string  `json:"redis" enum:"up,down,none"`
	Sockets  int     `json:"sockets"`
}

type listNamespaces struct{ PageParams }

func (a *API) registerCluster() {
	huma.Register(a.huma, operation(http.MethodGet, "/namespaces", "listNamespaces", tagCluster, "List namespaces",
		"Those that the node which answers has. Dynamic ones are there once a client, or a request, has named them.",
		http.StatusOK),
		func(_ context.Context, r *listNamespaces) (*out[Namespaces], error) {
			var names []string
			for _, ns := range a.opts.IO.Namespaces() {
				names = append(names, ns.Name())
			}
			slices.Sort(names)
			var list Namespaces
			list.Namespaces, list.Next = page(names, &r.PageParams)
			return answer(list)
		})
	huma.Register(a.huma, operation(http.MethodGet, "/servers/count", "countServers", tagCluster, "Count nodes",
		"Those that the namespace has in the cluster, this one among them, Node.js's too.", http.StatusOK),
		func(ctx context.Context, r *LookParams) (*out[Count], error) {
			ns, err := a.namespace(r.Namespace, "query.namespace")
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
			defer cancel()
			n, err := ns.Adapter().ServerCount(ctx)
			missing, err := partly(err, r.Partial)
			if err != nil {
				return nil, err
			}
			return answer(Count{n, missing})
		})
	huma.Register(a.huma, operation(http.MethodGet, "/health", "getHealth", tagCluster, "Look at this node",
		"200 as long as it answers. Balancers ask /readyz on the main port, without a token.", http.StatusOK),
		func(context.Context, *struct{}) (*out[Health], error) {
			state := a.opts.State()
			h := Health{
				Status: "ok", Hostname: a.opts.Hostname, Version: a.opts.Version, Redis: state.Redis,
				Uptime: time.Since(a.started).Round(time.Millisecond).Seconds(),
			}
			if state.Draining {
				h.Status = "draining"
			}
			for _, ns := range a.opts.IO.Namespaces() {
				h.Sockets += ns.SocketCount()
			}
			return answer(h)
		})
}
