// Pause holds a pod's namespaces open until it is told to end, and takes in the processes that others leave behind.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for {
		if <-signals != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap takes in every process that has ended; one signal can stand for several of them.
func reap() {
	for {
		child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if child <= 0 && err != syscall.EINTR {
			return
		}
	}
}
