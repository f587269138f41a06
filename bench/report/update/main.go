// Command update writes what is made from the run in bench/results: the table and the plots beside it, and the
// figures in the README and docs/PERFORMANCE.md, in both languages. Run it in bench: go run ./report/update.
package main

import (
	"fmt"
	"os"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

func main() {
	run, err := report.Load("results")
	if err == nil {
		err = run.Write("results")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
	changed, err := report.UpdateDocs("..")
	if err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
	for _, name := range changed {
		fmt.Println("updated", name)
	}
}
