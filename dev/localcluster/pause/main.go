// Command pause holds a pod's namespaces open: it reaps what its pod orphans and ends at once when told to.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// SIGCHLD must be asked for before the first child can die, or that child would stay a zombie.
	events := make(chan os.Signal, 1)
	signal.Notify(events, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for event := range events {
		if event != syscall.SIGCHLD {
			return
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
