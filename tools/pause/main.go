// Pause holds a pod's namespaces open until it is told to end, and takes in the processes that others leave behind.
package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGCHLD)
	for {
		if <-signals != unix.SIGCHLD {
			return
		}
		reap()
	}
}

// reap takes in every process that has ended; one signal can stand for several of them.
func reap() {
	for {
		child, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if child <= 0 && err != unix.EINTR {
			return
		}
	}
}
