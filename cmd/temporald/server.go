package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	loopback = "127.0.0.1"

	// shards is how many pieces the workflow state is cut into; each has its own queues, timers, lock and range lease,
	// so each costs goroutines, polls and database rows even when idle. One process on two cores gains nothing from
	// the hundreds a cluster has; four let unrelated articles commit side by side. Fixed for the life of a database.
	shards = 4

	clusterName = "active"
)

// tuning is the dynamic configuration. Only what differs from the server's defaults stands here, with the reason.
// Update-with-Start (ExecuteMultiOperation) needs no entry: this release has it always on.
func tuning() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// A burst of decisions about one article is at most the people of one newsroom; 10 would refuse the eleventh.
		dynamicconfig.WorkflowExecutionMaxInFlightUpdates.Key(): 100,
		// Every move is an Update; the default may change, the newsroom's need does not.
		dynamicconfig.FrontendEnableUpdateWorkflowExecution.Key():              true,
		dynamicconfig.FrontendEnableUpdateWorkflowExecutionAsyncAccepted.Key(): true,
		// Search attributes can be used the moment they are registered. Each use reads the namespace's row again,
		// which one process beside its database can afford and a cluster could not.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		// A new namespace is read through at once where it is asked for; what waits for this (the workers that run
		// its schedules) starts a second earlier.
		dynamicconfig.NamespaceCacheRefreshInterval.Key(): time.Second,
		// Timers are read ahead by this much, and none comes sooner: by default a wait of 200 ms takes up to a second,
		// and readers have a page long before its publication has looked.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): 100 * time.Millisecond,
		// An activity that the worker which asked for it can do itself comes with the answer, without a turn through the queue.
		dynamicconfig.EnableActivityEagerExecution.Key(): true,
		// Registering one namespace per test is no abuse here.
		dynamicconfig.WorkerPerNamespaceWorkerStartRate.Key(): 50.0,
		// One matching process: partitions of a queue would only forward to each other.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// The reconcile lists every open run, page after page; 10 a second is meant for shared clusters.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
		// Calls between Temporal installations: there is one, and the HTTP port they need stays closed.
		dynamicconfig.EnableNexus.Key(): false,
		// No question to the outside world about newer versions.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}

// ports holds where each service listens on loopback.
type ports map[primitives.ServiceName]int

// choosePorts takes the wanted frontend port, or any for 0, and free ones for the other services. It refuses a
// frontend port that is taken.
func choosePorts(frontend int) (ports, error) {
	chosen := ports{}
	for _, service := range temporal.DefaultServices {
		name, want := primitives.ServiceName(service), 0
		if name == primitives.FrontendService {
			want = frontend
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(want)))
		if err != nil {
			return nil, fmt.Errorf("%s port: %w", name, err)
		}
		defer func() { _ = listener.Close() }() // held until all are chosen, so that no port comes twice
		chosen[name] = listener.Addr().(*net.TCPAddr).Port
	}
	return chosen, nil
}

func (p ports) address(service primitives.ServiceName) string {
	return net.JoinHostPort(loopback, strconv.Itoa(p[service]))
}

// newServer builds the server with all four services. Its databases must be prepared.
//
// The services find each other through a fixed list instead of the gossip ring: no extra ports, no wait for members
// to join, and after a crash no dead member of the last run to be asked until it is forgotten.
func newServer(s settings, listen ports, logger log.Logger) (temporal.Server, error) {
	services, hosts := map[string]config.Service{}, map[primitives.ServiceName]static.Hosts{}
	for name, port := range listen {
		services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
		hosts[name] = static.SingleLocalHost(listen.address(name))
	}
	state, visibility := s.storages()
	cfg := &config.Config{
		Global: config.Global{Membership: config.Membership{BroadcastAddress: loopback}},
		Persistence: config.Persistence{
			DefaultStore:     "state",
			VisibilityStore:  "visibility",
			NumHistoryShards: shards,
			DataStores: map[string]config.DataStore{
				"state":      {SQL: s.sqlConfig(state)},
				"visibility": {SQL: s.sqlConfig(visibility)},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: listen.address(primitives.FrontendService),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		// Closed runs go when their retention ends; what must be kept for years is in the product's own database.
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
		}},
		PublicClient: config.PublicClient{HostPort: listen.address(primitives.FrontendService)},
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger),
		temporal.WithDynamicConfigClient(tuning()),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()), // whoever may use this machine's loopback
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
	)
	if err != nil {
		return nil, fmt.Errorf("build server: %w", err)
	}
	return server, nil
}
