// Command update writes the table and the plots beside the run in bench/results, and the performance section of the README
// files, anew. Run it in bench: go run ./report/update.
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
	changed, err := report.UpdateREADMEs("..")
	if err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
	for _, name := range changed {
		fmt.Println("updated", name)
	}
}
