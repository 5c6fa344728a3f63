// Command coredns is the cluster's name server with only the plugins that dev/localcluster's Corefile names: the full
// one carries the SDKs of every cloud's DNS.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// Directives is the order in which plugins see a query; upstream's list names plugins that are not linked here.
func init() {
	dnsserver.Directives = []string{"reload", "ready", "health", "errors", "cache", "kubernetes", "loop"}
}

func main() { coremain.Run() }
